import { isDeepStrictEqual } from 'node:util';
import type { MappingEntityType, RecordSource, SyncResult } from '../../connectors/index.js';
import { ServiceError, throwOwnFault } from '../../errors.js';
import type { SyncContext, SyncReport } from '../pipeline/index.js';
import {
  adoptMappings,
  approvePlan,
  finishApplied,
  rollBack,
  runPipeline,
  SourceFailure,
} from '../pipeline/index.js';
import type { SyncPolicy } from '../policy.js';
import { type PartOf, runParts } from './run-parts.js';
import { type RunRequest, signalOf, throwIfOver } from './run-request.js';
import type { SyncRun } from './sync-run.js';

/** How many attempts on a run may come to nothing; then it is given up. */
export const MOST_FAILURES = 3;

/**
 * Reads the entities of one type: a source to pull from, or mappings of a connector that writes its entities
 * itself. `externalIds`: these alone, where they can be read one by one; else all.
 */
export type ReadEntities = (
  entityType: MappingEntityType,
  externalIds?: readonly string[],
) => Promise<RecordSource | SyncResult>;

/** The school system that a run reads, and how. */
export interface SyncWork {
  /** The entity types that a run of all of them goes through, in this order. */
  entityTypes: readonly MappingEntityType[];
  policy: SyncPolicy;
  /**
   * Opens the school system for as long as `use` runs, which may then read one entity type after the other.
   */
  open<T>(signal: AbortSignal, use: (read: ReadEntities) => Promise<T>): Promise<T>;
}

/** What a run was asked for. */
type Task = 'SYNC' | 'PREVIEW' | 'PUSH' | 'ROLLBACK' | 'APPROVAL';

/** What the work on a run needs beside the run. */
export interface Dispatch extends SyncContext {
  claims: PartOf['claims'];
  /** The school system; asked for only by what reads it. */
  work: () => Promise<SyncWork>;
  /** Does a part of a run, keeping its lease and recording its end. */
  doPart: PartOf['doPart'];
  /** Brings a run to its end whose process died. */
  endDead: PartOf['endDead'];
}

/**
 * How a run begins and how it goes on after its process died: the same, by what it was asked for and of what.
 */
const WORK: Readonly<Record<Task, { one: Step; all: Step }>> = {
  SYNC: { one: readOne, all: readAll },
  PREVIEW: { one: readOne, all: readAll },
  PUSH: { one: refusePush, all: refusePush },
  ROLLBACK: { one: rollBack, all: rollBackAll },
  APPROVAL: { one: approvePlan, all: approveAll },
};

type Step = (dispatch: Dispatch) => Promise<SyncReport>;

export function taskOf({ kind, approvedAt, rollsBack, pushed }: SyncRun): Task {
  if (approvedAt) return 'APPROVAL';
  if (rollsBack) return 'ROLLBACK';
  if (pushed) return 'PUSH';
  return kind === 'PREVIEW' ? 'PREVIEW' : 'SYNC';
}

/** Whether a run that was claimed is what a caller asks for, so that its outcome is the answer. */
export function isAskedFor(run: SyncRun, { kind = 'SYNC', guard, rollsBack }: RunRequest): boolean {
  // Nobody waits for a run of single entities.
  if (run.externalIds) return false;
  const task = taskOf(run);
  if (task === 'ROLLBACK') return run.kind === kind && run.rollsBack === rollsBack;
  return (
    task === kind &&
    !run.appliedPosition &&
    isDeepStrictEqual(run.guard ?? null, JSON.parse(JSON.stringify(guard ?? null)))
  );
}

/** Does a run that this process holds: a new one, or one that was claimed from a process that died. */
export async function dispatch(given: Dispatch): Promise<SyncReport> {
  const { run } = given;
  throwIfOver(given);
  if (run.failures.length >= MOST_FAILURES && !run.appliedPosition)
    throw new SourceFailure(explainFailures(run));
  // The process died between the last write of the run and the word that it was done.
  if (run.appliedPosition) return finishApplied(given);
  const { one, all } = WORK[taskOf(run)];
  return run.entityType === 'ALL' ? all(given) : one(given);
}

function explainFailures({ failures }: SyncRun): string {
  const reasons = failures.map(({ attempt, reason }) => `Attempt ${attempt}: ${reason}`);
  return `The run was begun ${failures.length} times and never came to its end. ${reasons.join(' ')}`;
}

async function readOne(given: Dispatch): Promise<SyncReport> {
  const work = await given.work();
  return work.open(signalOf(given), (read) => readWith(given, read, work.policy));
}

/** Reads one entity type from a school system that is open. */
async function readWith(context: SyncContext, read: ReadEntities, policy: SyncPolicy): Promise<SyncReport> {
  const { run } = context;
  const found = await read(run.entityType as MappingEntityType, run.externalIds ?? undefined).catch(
    (error: unknown) => {
      throwOwnFault(error);
      throw error instanceof ServiceError ? error : new SourceFailure(error);
    },
  );
  if ('entities' in found) return runPipeline(context, found, policy);
  if (run.kind === 'PREVIEW') {
    throw new SourceFailure('This connector writes its entities itself: its syncs cannot be previewed.');
  }
  return adoptMappings(context, found);
}

/** All parts see the school system as it was opened once. */
async function readAll(given: Dispatch): Promise<SyncReport> {
  const work = await given.work();
  const { kind, guard } = given.run;
  return work.open(signalOf(given), (read) =>
    runParts(given, {
      items: work.entityTypes,
      find: (entityType, parts) => parts.find((part) => part.entityType === entityType),
      request: (entityType) => ({ entityType, kind, guard: guard ?? undefined }),
      do: (context) => {
        return context.run.appliedPosition ? finishApplied(context) : readWith(context, read, work.policy);
      },
    }),
  );
}

/**
 * What was pushed is not kept with the run: where it is kept is for whoever kept it to begin another. Who pushed it
 * was not told that it arrived.
 */
async function refusePush(): Promise<SyncReport> {
  throw new SourceFailure(
    'The process ended while it took in what was pushed. It is taken in again by another run.',
  );
}

/** The last part first: memberships go before the people in them. */
async function rollBackAll(given: Dispatch): Promise<SyncReport> {
  const { run, runs } = given;
  const parts = (await runs.parts(run.integrationId, run.rollsBack as string)).filter(
    ({ status }) => status === 'COMPLETED',
  );
  return runParts(given, {
    items: parts.reverse(),
    find: (target, done) => done.find(({ rollsBack }) => rollsBack === target.id),
    request: (target) => ({ entityType: target.entityType, kind: run.kind, rollsBack: target.id }),
    do: (context) => (context.run.appliedPosition ? finishApplied(context) : rollBack(context)),
  });
}

/** The parts that waited, in the order they were planned. */
async function approveAll(given: Dispatch): Promise<SyncReport> {
  const { run, runs, claims, lease } = given;
  const parts = await runs.parts(run.integrationId, run.id);
  return runParts(given, {
    items: parts.filter(
      ({ status, approvedAt }) => status === 'HELD' || status === 'PREVIEWED' || approvedAt,
    ),
    find: (part, now) =>
      now.find(({ id, status }) => id === part.id && status !== 'HELD' && status !== 'PREVIEWED'),
    begin: async (part) => {
      await given.endDead(part);
      return claims.approve(run.integrationId, part.id, run.decision ?? '', { whole: lease });
    },
    do: (context) => (context.run.appliedPosition ? finishApplied(context) : approvePlan(context)),
  });
}
