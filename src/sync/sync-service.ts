import type { RecordSource, SyncResult } from '../connectors/index.js';
import type { Database } from '../database/index.js';
import type { Logger } from '../observability/index.js';
import { adoptMappings } from './adopt-mappings.js';
import { type SyncReport, walkCorridor } from './corridor.js';
import { SourceFailure } from './read.js';
import { LEASE_SECONDS, type RunKey, RunStore } from './run-store.js';
import { noCounts, type SyncRun } from './sync-run.js';

/** How often a process may die on a run before the run is given up. */
const MAX_ATTEMPTS = 5;

/** Takes what a connector reads through the corridor. */
export type Corridor = (source: RecordSource) => Promise<SyncReport>;

/** What a run does: asks the connector for its entities, by way of the corridor or with mappings of its own. */
export type SyncWork = (corridor: Corridor) => Promise<SyncResult>;

/** Runs syncs: one at a time for each integration and entity type, over all processes that share the database. */
export class SyncService {
  readonly runs: RunStore;
  readonly #database: Database;
  readonly #logger: Logger;

  constructor({ database, logger }: { database: Database; logger: Logger }) {
    this.#database = database;
    this.#logger = logger;
    this.runs = new RunStore(database);
  }

  /**
   * Begins a run and does it. Throws `aborted` when one is under way. A source that fails is a report with success
   * false; a fault of ours is thrown, and the run is FAILED all the same.
   */
  async sync(key: RunKey, work: SyncWork): Promise<SyncReport> {
    return this.carryOut(await this.runs.begin(key), work);
  }

  /** Does a run that has begun: a new one, or one that was taken up from a process that died. */
  async carryOut(run: SyncRun, work: SyncWork): Promise<SyncReport> {
    const logger = this.#logger.child({ runId: run.id, integrationId: run.integrationId, entityType: run.entityType });
    if (run.attempt > MAX_ATTEMPTS) return this.#fail(run, `${MAX_ATTEMPTS} processes died while this run was under way.`);
    const pulse = setInterval(
      () => {
        this.runs.heartbeat(run).catch((error: unknown) => logger.warn({ err: error }, 'heartbeat of a sync run failed'));
      },
      (LEASE_SECONDS * 1_000) / 3,
    );
    try {
      const report = await this.#do(run, work);
      await this.runs.finish(run, report.success ? null : (report.errors[0] ?? 'The connector reports that it failed.'));
      logger.info({ counts: run.counts, timings: run.timings }, 'sync run done');
      return report;
    } catch (error) {
      if (error instanceof SourceFailure) {
        logger.warn({ reason: error.message }, 'sync run failed at its source');
        return await this.#fail(run, error.message);
      }
      await this.runs.finish(run, 'The service had an internal error; its log tells more.');
      throw error;
    } finally {
      clearInterval(pulse);
    }
  }

  async #do(run: SyncRun, work: SyncWork): Promise<SyncReport> {
    let report: SyncReport | undefined;
    let fault: unknown;
    const corridor: Corridor = async (source) => {
      try {
        report = await walkCorridor({ database: this.#database, runs: this.runs, run, source });
        return report;
      } catch (error) {
        fault = error;
        throw error;
      }
    };
    const result = await work(corridor).catch((error: unknown) => {
      // Ours passes as it is, whatever the connector made of it; all else is the connector's.
      throw fault ?? (error instanceof SourceFailure ? error : new SourceFailure(error));
    });
    return report ?? adoptMappings(this.#database, run, result);
  }

  async #fail(run: SyncRun, error: string): Promise<SyncReport> {
    await this.runs.finish(run, error);
    return {
      runId: run.id,
      success: false,
      synced: 0,
      errors: [error],
      errorCount: 1,
      warningCount: 0,
      mappings: [],
      mappingsTruncated: false,
      counts: run.counts,
      membershipCounts: noCounts(),
    };
  }
}
