import type { Database } from '../../database/index.js';
import { ServiceError } from '../../errors.js';
import { type JobQueue, TryLater } from '../../jobs/index.js';
import type { Logger } from '../../observability/index.js';
import type { SyncReport } from '../pipeline/index.js';
import { isAskedFor, taskOf } from './dispatch.js';
import { alreadyRunning, type RunClaims, type RunId } from './run-claims.js';
import { alreadyQueued, type HostOfRun, NO_HOST, type Queued, type RunQueue } from './run-queue.js';
import { reportOf } from './run-report.js';
import type { HeldRun, RunRequest } from './run-request.js';
import { RunStop, RunStopped } from './run-stop.js';
import type { RunStore } from './run-store.js';
import { goesOn, isOver, type RunWatch } from './run-watch.js';
import type { SyncRun } from './sync-run.js';

const QUEUE = 'sync-runs';
/** After how long a run is looked at again that may not begin now, in seconds. */
const LATER_SECONDS = 1;
/**
 * The same at most of one that waits in line, which is a second more each time: many keep no worker busy. Whoever ends
 * lets the next of its institution begin at once.
 */
const LATER_SECONDS_AT_MOST = 10;
/** As often as it takes: the run's own row says when it is given up. */
const RETRIES = 1_000_000;
const FORGET_SECONDS = 60 * 60;
/** How often it is looked for runs without a job, in milliseconds. */
const SUPERVISE_MS = 5_000;
/** How long a caller waits for a run to begin, where this process begins none, in milliseconds. */
const PATIENCE_MS = 30_000;
/** How long a caller waits for the end of a run that is to stop, in milliseconds. */
const CANCEL_MS = 2_000;
/** Who has more runs that wait lets others go first: each counts as if it had come so much later, in seconds. */
const TURN_SECONDS = 60;
/** So that priorities, which are times, are small enough. */
const EPOCH = Date.UTC(2026, 0) / 1_000;

export interface RunJobsParts {
  database: Database;
  jobs: JobQueue;
  runs: RunStore;
  claims: RunClaims;
  queue: RunQueue;
  watch: RunWatch;
  logger: Logger;
  /** How many runs this process does at once; 0: none. */
  workers: number;
  /** Does a run that this process holds, to its end. */
  carryOut: (held: HeldRun) => Promise<SyncReport>;
}

/** What a job of a run is made of. */
type RunToDo = Pick<SyncRun, 'integrationId' | 'id'> & HostOfRun;

interface Waiter {
  resolve: (report: SyncReport) => void;
  reject: (error: unknown) => void;
}

/**
 * Runs as jobs. The run's row says what is to be done and how it stands; its job says when and where an attempt
 * begins; its lease, that nobody else works on it. A job that finds its run ended, or gone, has nothing to do.
 */
export class RunJobs {
  readonly #parts: RunJobsParts;
  /** The runs that this process works on. */
  readonly #underWay = new Map<string, RunStop>();
  /**
   * Whether one of those may be what ends processes. There is one at a time: else it would take others with it each
   * time, until they are given up like itself.
   */
  #hasSuspect = false;
  readonly #waiters = new Map<string, Set<Waiter>>();
  #timer: NodeJS.Timeout | undefined;
  #supervision: Promise<void> = Promise.resolve();
  #isEnding = false;

  constructor(parts: RunJobsParts) {
    this.#parts = parts;
  }

  /** Begins to do runs, those first that other processes left. */
  async start(): Promise<void> {
    const { jobs, workers, database } = this.#parts;
    await jobs.define(QUEUE, {
      once: true,
      retryLimit: RETRIES,
      retryDelay: LATER_SECONDS,
      forgetAfterSeconds: FORGET_SECONDS,
    });
    if (workers === 0) return;
    if (database.listens) {
      await database.listen(
        'sync_cancels',
        (runId) => this.#stop(runId),
        () => void this.#stopThoseAskedTo().catch(() => undefined),
      );
    }
    this.#supervision = this.#supervise();
    // Those whose host is full are passed over, so that they cost nothing while they wait.
    await jobs.work<RunId>(QUEUE, { concurrency: workers, groupConcurrency: 'as sent' }, (job, { attempt }) =>
      this.#do(job, attempt),
    );
  }

  /** Puts a run into the queue: its row and its job are one transaction. */
  async request(request: RunRequest): Promise<Queued> {
    const { database, queue } = this.#parts;
    return database.transaction(async () => {
      const queued = await queue.add(request);
      const { name: host = null, limit: hostLimit = null } = request.host ?? {};
      if (queued.isNew) await this.#send({ ...queued.run, host, hostLimit }, queued.before);
      return queued;
    });
  }

  /**
   * Puts a run into the queue and waits for its end. Throws `aborted` when one of the same waits or is under
   * way; of one whose process died, that is the same, the outcome is the answer. `signal`: see `wait`.
   */
  async run(request: RunRequest, signal: AbortSignal): Promise<SyncReport> {
    return this.wait(await this.#requestAlone(request), signal);
  }

  async #requestAlone(request: RunRequest): Promise<SyncRun> {
    const { database, claims } = this.#parts;
    let dead: SyncRun | undefined;
    const asked = database.transaction(async () => {
      dead = undefined;
      const { run, isNew } = await this.request(request);
      if (!isNew) throw alreadyQueued(run);
      const running = await claims.findRunning(request);
      if (!running) return run;
      if (!(await claims.isDead(running))) throw alreadyRunning(running);
      // One that is something else is brought to its end before this one.
      if (!isAskedFor(running, request)) return run;
      dead = running;
      throw new Error('the dead one is what was asked for');
    });
    return asked.catch(async (error: unknown) => {
      if (!dead) throw error;
      await this.#send({ ...dead, ...NO_HOST });
      return dead;
    });
  }

  /**
   * Waits for the end of a run, whichever process does it. Throws what its work threw where that was here;
   * `deadline_exceeded` that names the run when `signal` is aborted, and `unavailable` when nobody begins it.
   */
  async wait({ integrationId, id }: SyncRun, signal: AbortSignal): Promise<SyncReport> {
    const done = new AbortController();
    const over = AbortSignal.any([signal, done.signal]);
    let waiter: Waiter | undefined;
    const here = new Promise<SyncReport>((resolve, reject) => {
      waiter = { resolve, reject };
      this.#waiters.set(id, (this.#waiters.get(id) ?? new Set()).add(waiter));
    });
    const elsewhere = this.#waitElsewhere({ integrationId, runId: id }, over, signal);
    here.catch(() => {});
    elsewhere.catch(() => {});
    try {
      return await Promise.race([here, elsewhere]);
    } finally {
      done.abort();
      const waiters = this.#waiters.get(id);
      waiters?.delete(waiter as Waiter);
      if (waiters?.size === 0) this.#waiters.delete(id);
    }
  }

  /**
   * Stops a run: at once where it waits, else at its next page, within two seconds. Returns the run as it is
   * then. Throws `failed_precondition` that says how it ended when it has, and for what reads nothing: a plan that
   * is applied, a rollback, a push.
   */
  async cancel(integrationId: string, runId: string, reason: string): Promise<SyncRun> {
    const { queue, runs, watch } = this.#parts;
    const before = await runs.get(integrationId, runId);
    if (isOver(before)) throw ended(before);
    if (before.parentId) throw isPart(before);
    if (taskOf(before) !== 'SYNC' && taskOf(before) !== 'PREVIEW') throw notStopped(before);
    const canceled = await queue.cancelWaiting(integrationId, runId, reason);
    if (canceled) return canceled;
    if (!(await queue.askToStop(integrationId, runId, reason)))
      throw ended(await runs.get(integrationId, runId));
    this.#stop(runId);
    const patience = AbortSignal.timeout(CANCEL_MS);
    let run = before;
    for await (const state of watch.watch(integrationId, runId, patience)) run = state.run;
    return run;
  }

  /** Takes no more runs, and hands those back that nobody waits for here. */
  async drain(): Promise<void> {
    this.#isEnding = true;
    await this.#parts.jobs.pause(QUEUE);
    for (const [id, stop] of this.#underWay) if (!this.#waiters.has(id)) stop.stop('HANDED_BACK');
    for (const [id, waiters] of this.#waiters) {
      if (this.#underWay.has(id)) continue;
      for (const { reject } of waiters) reject(ending(id));
    }
  }

  /** Hands back all that is under way. */
  async stop(): Promise<void> {
    this.#isEnding = true;
    clearTimeout(this.#timer);
    await this.#supervision;
    for (const stop of this.#underWay.values()) stop.stop('HANDED_BACK');
  }

  #send({ integrationId, id, host, hostLimit }: RunToDo, before = 0) {
    const now = Math.floor(Date.now() / 1_000 - EPOCH);
    return this.#parts.jobs.send(
      QUEUE,
      { integrationId, runId: id },
      {
        singletonKey: id,
        priority: -(now + before * TURN_SECONDS),
        ...(host !== null && hostLimit !== null && { group: host, groupLimit: hostLimit }),
      },
    );
  }

  /** A job: begins its run or takes it up, and brings it to its end. */
  async #do(job: RunId, attempt: number): Promise<void> {
    if (this.#isEnding) throw new TryLater(0, 'The process is ending.');
    let isSuspect = false;
    const maySuspect = () => {
      if (this.#hasSuspect && !isSuspect) return false;
      isSuspect = this.#hasSuspect = true;
      return true;
    };
    try {
      const taken = await this.#parts.queue.take(job, maySuspect);
      if (taken.held) return await this.#carryOut(job, taken.held);
      if (!taken.later) return;
      const times = taken.isInLine ? attempt : 1;
      throw new TryLater(Math.min(LATER_SECONDS_AT_MOST, times * LATER_SECONDS), taken.later);
    } finally {
      if (isSuspect) this.#hasSuspect = false;
    }
  }

  async #carryOut(job: RunId, held: HeldRun): Promise<void> {
    const stop = RunStop.of(held.run);
    this.#underWay.set(job.runId, stop);
    // It may have been asked for since the run began, before this process would have known which run was meant.
    if (!stop.signal.aborted) void this.#stopThoseAskedTo().catch(() => undefined);
    if (this.#isEnding) stop.stop('HANDED_BACK');
    try {
      const done = await this.#parts.carryOut({ ...held, stop: stop.signal });
      for (const { resolve } of this.#waiters.get(job.runId) ?? []) resolve(done);
    } catch (error) {
      const told = error instanceof RunStopped ? ending(job.runId) : error;
      for (const { reject } of this.#waiters.get(job.runId) ?? []) reject(told);
      // The row of the run says whether anything is left to do.
      throw new TryLater(error instanceof RunStopped ? 0 : LATER_SECONDS, String(error), { cause: error });
    } finally {
      this.#underWay.delete(job.runId);
      await this.#hastenNext(held.run);
    }
  }

  /** Lets those begin that waited for a run that is over; where that fails, they look for themselves. */
  async #hastenNext({ institutionId }: SyncRun): Promise<void> {
    const { queue, jobs, logger } = this.#parts;
    try {
      for (const runId of await queue.listNext(institutionId)) await jobs.hasten(QUEUE, runId);
    } catch (error) {
      logger.debug({ err: error, institutionId }, 'the next run of an institution was not hastened');
    }
  }

  /** Of the runs under way here, stops those that somebody asked to stop. */
  async #stopThoseAskedTo(): Promise<void> {
    for (const id of await this.#parts.queue.askedToStop([...this.#underWay.keys()])) this.#stop(id);
  }

  #stop(runId: string): void {
    this.#underWay.get(runId)?.stop('CANCELED');
  }

  /** The report of a run that ends in another process. */
  async #waitElsewhere(
    { integrationId, runId }: RunId,
    over: AbortSignal,
    signal: AbortSignal,
  ): Promise<SyncReport> {
    const { database, runs, watch, workers } = this.#parts;
    const begun = performance.now();
    while (true) {
      const change = watch.next(runId, over);
      if (!this.#underWay.has(runId)) {
        const run = await runs.get(integrationId, runId);
        if (isOver(run)) return reportOf(database, runs, run);
        if (workers === 0 && run.status === 'QUEUED' && performance.now() - begun > PATIENCE_MS)
          throw nobody(runId);
      }
      await change;
      if (signal.aborted) throw goesOn(runId, 'The time of the call is over.');
      if (over.aborted) throw new Error('nobody waits any more');
    }
  }

  /** Sends a job for each run that may have none; where it has one, nothing comes of that. */
  async #supervise(): Promise<void> {
    const { queue, logger } = this.#parts;
    try {
      for (const { runId, ...of } of await queue.listLost()) await this.#send({ ...of, id: runId });
    } catch (error) {
      logger.warn({ err: error }, 'looking for runs without a job failed');
    }
    if (this.#isEnding) return;
    this.#timer = setTimeout(() => {
      this.#supervision = this.#supervise();
    }, SUPERVISE_MS).unref();
  }
}

function ended({ id, status, error }: SyncRun): ServiceError {
  const why = error ? `: ${error}` : '.';
  return new ServiceError('failed_precondition', `Run ${id} has ended as ${status}${why}`, {
    reason: 'SYNC_RUN_ENDED',
    metadata: { runId: id, status },
  });
}

function isPart({ id, parentId }: SyncRun): ServiceError {
  return new ServiceError('failed_precondition', `Run ${id} is part of run ${parentId}: cancel that one.`, {
    reason: 'SYNC_RUN_IS_PART',
    metadata: { runId: parentId ?? '' },
  });
}

/** What is written in one piece has no place where it could stop. */
function notStopped(run: SyncRun): ServiceError {
  const what = {
    APPROVAL: 'applies a plan that was approved. When it has ended, RollbackSync takes it back',
    ROLLBACK: 'takes back another one. When it has ended, RollbackSync takes that back',
    PUSH: 'takes in what the school system pushed. When it has ended, RollbackSync takes it back',
  }[taskOf(run) as 'APPROVAL' | 'ROLLBACK' | 'PUSH'];
  return new ServiceError('failed_precondition', `Run ${run.id} cannot be canceled: it ${what}.`, {
    reason: 'SYNC_NOT_CANCELABLE',
    metadata: { runId: run.id },
  });
}

function ending(runId: string): ServiceError {
  return new ServiceError('unavailable', `This process is ending; another one goes on with run ${runId}.`, {
    reason: 'SYNC_GOES_ON',
    metadata: { runId },
  });
}

function nobody(runId: string): ServiceError {
  return new ServiceError(
    'unavailable',
    `No process has begun the run within ${PATIENCE_MS / 1_000} seconds. This one only serves calls (WORKERS=0): start one that works, or look whether those are busy. The run waits: ${runId}.`,
    { reason: 'SYNC_WAITS', metadata: { runId } },
  );
}
