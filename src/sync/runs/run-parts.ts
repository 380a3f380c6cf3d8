import type { SyncContext } from '../pipeline/index.js';
import { report, type SyncReport } from '../pipeline/index.js';
import type { RunClaims } from './run-claims.js';
import { joinReports } from './run-report.js';
import { type HeldRun, type RunKey, type RunRequest, throwIfOver } from './run-request.js';
import { addCounts, noCounts, type SyncRun } from './sync-run.js';

/** A run that consists of others, one after the other. */
export interface PartOf extends SyncContext {
  claims: RunClaims;
  /** Does one of them, keeping its lease and recording its end. */
  doPart(held: HeldRun, work: (context: SyncContext) => Promise<SyncReport>): Promise<SyncReport>;
  /** Brings a run of the same to its end whose process died. */
  endDead(key: RunKey): Promise<void>;
}

export interface Parts<T> {
  items: readonly T[];
  /** The run of an item that was begun already. */
  find(item: T, parts: readonly SyncRun[]): SyncRun | undefined;
  /** What the run of an item is to be, where it is a new one. */
  request?(item: T): Pick<RunRequest, 'entityType' | 'kind' | 'guard' | 'rollsBack'>;
  /** Begins the run of an item in another way. */
  begin?(item: T): Promise<HeldRun>;
  do(context: SyncContext): Promise<SyncReport>;
}

/**
 * Does the parts of a run, and reports on all of them. Those that an earlier attempt finished are not done
 * again. A source that fails ends it; a held part does not keep the others. Throws `aborted` when another run
 * of a part is under way.
 */
export async function runParts<T>(given: PartOf, parts: Parts<T>): Promise<SyncReport> {
  const { database, run, runs } = given;
  const begun = await runs.parts(run.integrationId, run.id);
  const done: SyncReport['parts'] = [];
  for (const item of parts.items) {
    throwIfOver(given);
    const { run: part, lease }: Partial<HeldRun> & { run: SyncRun } = await openPart(
      given,
      parts,
      item,
      begun,
    );
    const one = lease
      ? await given.doPart({ run: part, lease, stop: given.stop }, (context) => parts.do(context))
      : await report(database, part);
    done.push(one);
    if (done.at(-1)?.status === 'FAILED') break;
  }
  return summarize(given, done);
}

/** The run of an item: without a lease where an earlier attempt, or its process, has ended it. */
async function openPart<T>(given: PartOf, parts: Parts<T>, item: T, begun: readonly SyncRun[]) {
  const before = parts.find(item, begun);
  if (!before) return beginPart(given, parts, item);
  return before.status === 'RUNNING' ? given.claims.claimPart(before, given.lease) : { run: before };
}

async function beginPart<T>(
  { run, claims, lease, endDead }: PartOf,
  parts: Parts<T>,
  item: T,
): Promise<HeldRun> {
  if (parts.begin) return parts.begin(item);
  const asked = parts.request?.(item);
  if (!asked) throw new Error('a part needs a request or a way to begin');
  const request = {
    integrationId: run.integrationId,
    institutionId: run.institutionId,
    parentId: run.id,
    ...asked,
  };
  await endDead(request);
  return claims.begin(request, lease);
}

/** One report of several, and the run as it stands with them. */
async function summarize({ database, run }: SyncContext, done: SyncReport['parts']): Promise<SyncReport> {
  Object.assign(run, { counts: noCounts(), membershipCounts: noCounts() });
  for (const one of done) {
    addCounts(run.counts, one.counts);
    addCounts(run.membershipCounts, one.membershipCounts);
  }
  const worst = (['FAILED', 'HELD', 'PREVIEWED'] as const).find((status) =>
    done.some((part) => part.status === status),
  );
  run.status = worst ?? 'COMPLETED';
  run.error = done.find(({ success }) => !success)?.errors[0] ?? null;
  return joinReports(await report(database, run), done);
}
