import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../../database/index.js';
import { ServiceError } from '../../errors.js';
import type { Logger } from '../../observability/index.js';
import type { RunStore } from './run-store.js';
import type { SyncRun } from './sync-run.js';

/** How often it is looked for changes where nobody tells of them, and where somebody does, in milliseconds. */
const LOOK_MS = 300;
const LOOK_WHEN_TOLD_MS = 5_000;
/** No watcher is told more often, in milliseconds. */
const LEAST_MS = 100;

/** A run as it stands, with those of its entity types where it is one of all. */
export interface RunState {
  run: SyncRun;
  parts: SyncRun[];
}

/** Tells of the changes of runs, whichever process makes them, to any number of watchers. */
export class RunWatch {
  readonly #watchers = new Map<string, Set<() => void>>();
  /** By run: what is being read just now, for all who ask until something of it changes. */
  readonly #reading = new Map<string, { integrationId: string; state: Promise<RunState> }>();
  #subscription: Promise<unknown> | undefined;

  constructor(
    private readonly database: Database,
    private readonly runs: RunStore,
    private readonly logger: Logger,
  ) {}

  /**
   * The run as it stands, and again whenever that changes, until it has ended. Throws `not_found`; ends
   * without a word when `signal` is aborted.
   */
  async *watch(integrationId: string, runId: string, signal: AbortSignal): AsyncGenerator<RunState> {
    // Whoever stops watching leaves nothing behind that waits.
    const done = new AbortController();
    const over = AbortSignal.any([signal, done.signal]);
    let last = '';
    try {
      while (!signal.aborted) {
        // Before it is read: what changes while it is read is told of.
        const change = this.next(runId, over);
        const state = await this.#read(integrationId, runId);
        const now = JSON.stringify(state);
        if (now !== last) {
          last = now;
          yield state;
        }
        if (isOver(state.run)) return;
        await Promise.all([change, sleep(LEAST_MS, undefined, { signal: over }).catch(() => undefined)]);
      }
    } finally {
      done.abort();
    }
  }

  /** Resolves when something of a run may have changed, or the signal is aborted. */
  async next(runId: string, signal: AbortSignal): Promise<void> {
    this.#listen();
    const watchers = this.#watchers.get(runId) ?? new Set();
    this.#watchers.set(runId, watchers);
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        watchers.delete(done);
        if (watchers.size === 0 && this.#watchers.get(runId) === watchers) this.#watchers.delete(runId);
        resolve();
      };
      const timer = setTimeout(done, this.database.listens ? LOOK_WHEN_TOLD_MS : LOOK_MS);
      watchers.add(done);
      signal.addEventListener('abort', done);
      if (signal.aborted) done();
    });
  }

  #listen(): void {
    if (!this.database.listens) return;
    this.#subscription ??= this.database
      .listen(
        'sync_runs',
        (runId) => {
          this.#reading.delete(runId);
          this.#tell(this.#watchers.get(runId));
        },
        () => {
          this.#reading.clear();
          for (const watchers of this.#watchers.values()) this.#tell(watchers);
        },
      )
      .catch((error: unknown) => {
        this.#subscription = undefined;
        this.logger.warn({ err: error }, 'changes of runs are looked for, not heard of');
      });
  }

  #tell(watchers: ReadonlySet<() => void> = new Set()): void {
    for (const done of [...watchers]) done();
  }

  async #read(integrationId: string, runId: string): Promise<RunState> {
    const known = this.#reading.get(runId);
    if (known?.integrationId === integrationId) return known.state;
    const reading = {
      integrationId,
      state: this.#readNow(integrationId, runId).finally(() => {
        if (this.#reading.get(runId) === reading) this.#reading.delete(runId);
      }),
    };
    this.#reading.set(runId, reading);
    return reading.state;
  }

  async #readNow(integrationId: string, runId: string): Promise<RunState> {
    const run = await this.runs.get(integrationId, runId);
    return { run, parts: run.entityType === 'ALL' ? await this.runs.parts(integrationId, runId) : [] };
  }
}

/** Whether nothing of a run changes any more by itself. */
export function isOver({ status }: SyncRun): boolean {
  return status !== 'QUEUED' && status !== 'RUNNING';
}

/** For a caller whose patience, or time, is over before the run is. */
export function goesOn(runId: string, why: string): ServiceError {
  return new ServiceError('deadline_exceeded', `${why} The run goes on: ${runId}.`, {
    reason: 'SYNC_GOES_ON',
    metadata: { runId },
  });
}
