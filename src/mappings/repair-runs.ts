import { randomUUID } from 'node:crypto';
import { recordEvent } from '../audit/index.js';
import { announceRun, lockInstitution, NEXT_POSITION } from '../changes/index.js';
import type { MappingEntityType } from '../connectors/index.js';
import type { Database } from '../database/index.js';
import { ServiceError } from '../errors.js';
import { requireStorable } from '../require-storable.js';
import type { MovedMarks } from './move-marks.js';

/** How many changes of a repair, and sessions of marks that went over, its event has; the changes are all in the log. */
const MAX_AUDITED = 100;

export interface Repair {
  integrationId: string;
  entityType: MappingEntityType;
  /** Why; it is kept with the run. */
  reason?: string | undefined;
}

/** A change of a mapping or its entity. */
export interface MappingChange {
  action: 'REKEY' | 'LINK' | 'UNLINK' | 'DEACTIVATE';
  internalId: string;
  externalId: string;
  before: object;
  after: object;
}

/** A change that a repair brings about elsewhere in the roster. */
export interface RosterEffect {
  entity: 'MEMBERSHIP' | 'GROUP';
  action: 'CREATE' | 'UPDATE' | 'DELETE';
  internalId: string;
  before: object | null;
  after: object | null;
}

/**
 * The runs of one repair, one for each integration that it touches: they keep syncs of the same entity type
 * away until the transaction ends, and have what the repair did in their log.
 */
export class RepairRuns {
  readonly #database: Database;
  readonly #repair: Repair;
  /** By integration: the run, how many changes it has, and the first of them for the audit. */
  readonly #runs = new Map<string, { id: string; changes: number; first: object[] }>();
  #marks: object | undefined;

  private constructor(
    database: Database,
    repair: Repair,
    readonly institutionId: string,
  ) {
    this.#database = database;
    this.#repair = repair;
  }

  /**
   * Does a repair in one transaction, in the order of the institution's changes. Throws `not_found` without
   * the integration, `aborted` while a sync of the same is under way.
   */
  static async run(
    database: Database,
    repair: Repair,
    work: (runs: RepairRuns) => Promise<void>,
  ): Promise<void> {
    const { integrationId, reason } = repair;
    requireStorable({ reason });
    await database.transaction(async () => {
      const read = 'SELECT institution_id AS "institutionId" FROM integrations WHERE id = $1';
      const [integration] = await database.query<{ institutionId: string }>(read, [integrationId]);
      if (integration) await lockInstitution(database, integration.institutionId);
      // It may have been deleted while this waited.
      const [still] = await database.query(`${read} FOR SHARE`, [integrationId]);
      if (!integration || !still) {
        throw new ServiceError('not_found', `There is no integration ${integrationId}.`, {
          reason: 'INTEGRATION_NOT_FOUND',
        });
      }
      const runs = new RepairRuns(database, repair, integration.institutionId);
      await runs.begin(integrationId);
      await work(runs);
      await runs.#end();
    });
  }

  /**
   * Keeps syncs of another integration of the institution away as well, so that its mappings can be changed.
   */
  async begin(integrationId: string): Promise<void> {
    if (this.#runs.has(integrationId)) return;
    const { entityType, reason } = this.#repair;
    const id = randomUUID();
    const begun = await this.#database.execute(
      `INSERT INTO sync_runs (integration_id, id, institution_id, entity_type, kind, decision)
       VALUES ($1, $2, $3, $4, 'MANUAL', $5) ON CONFLICT (integration_id, entity_type)
         WHERE status = 'RUNNING' DO NOTHING`,
      [integrationId, id, this.institutionId, entityType, reason || null],
    );
    if (begun === 0) {
      const which =
        integrationId === this.#repair.integrationId ? 'this integration' : `integration ${integrationId}`;
      throw new ServiceError(
        'aborted',
        `A sync of ${entityType} is running for ${which}. Try again after it.`,
        {
          reason: 'SYNC_ALREADY_RUNNING',
        },
      );
    }
    this.#runs.set(integrationId, { id, changes: 0, first: [] });
  }

  /** Writes a change of a mapping of an integration into its log. */
  log(
    integrationId: string,
    { action, internalId, externalId, before, after }: MappingChange,
  ): Promise<void> {
    return this.#write(integrationId, [
      this.#repair.entityType,
      action,
      internalId,
      externalId,
      before,
      after,
    ]);
  }

  /**
   * The same for what the repair changes elsewhere in the roster, in the log of the integration it was asked
   * for.
   */
  logEffect({ entity, action, internalId, before, after }: RosterEffect): Promise<void> {
    return this.#write(this.#repair.integrationId, [entity, action, internalId, '', before, after]);
  }

  /** Keeps in the event of the repair what became of marks; of those that are gone, each, as nothing else has them. */
  noteMarks({ moved, replaced }: MovedMarks): void {
    if (moved.length === 0 && replaced.length === 0) return;
    this.#marks = { moved: moved.length, sessionIds: moved.slice(0, MAX_AUDITED), replaced };
  }

  async #write(integrationId: string, change: unknown[]): Promise<void> {
    const run = this.#runs.get(integrationId);
    if (!run) throw new Error('a repair changed an integration that it did not begin with');
    run.changes += 1;
    if (run.first.length < MAX_AUDITED) {
      const [entity, action, internalId, externalId, before, after] = change;
      run.first.push({ entity, action, internalId, externalId, before, after });
    }
    await this.#database.execute(
      `INSERT INTO sync_changes (integration_id, run_id, seq, entity, action, internal_id, external_id,
        before, after)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
      [integrationId, run.id, run.changes, ...change],
    );
  }

  /** Completes the runs. Of an integration that was left as it was, nothing is kept. */
  async #end(): Promise<void> {
    const { entityType, reason } = this.#repair;
    for (const [integrationId, { id, changes, first }] of this.#runs) {
      const isKept = changes > 0 || integrationId === this.#repair.integrationId;
      await this.#database.execute(
        isKept
          ? `UPDATE sync_runs SET status = 'COMPLETED', stage = 'REPORT', applied_position = ${NEXT_POSITION},
               finished_at = clock_timestamp() WHERE integration_id = $1 AND id = $2`
          : 'DELETE FROM sync_runs WHERE integration_id = $1 AND id = $2',
        [integrationId, id],
      );
      if (!isKept) continue;
      await recordEvent(this.#database, {
        institutionId: this.institutionId,
        action: 'mapping.repaired',
        objectType: 'SYNC_RUN',
        objectId: id,
        integrationId,
        runId: id,
        after: {
          entityType,
          decision: reason,
          changes: first,
          changeCount: changes,
          ...(integrationId === this.#repair.integrationId && this.#marks && { marks: this.#marks }),
        },
      });
    }
    // In one order, as each locks the events of its integration.
    const { institutionId } = this;
    for (const [integrationId, { id }] of [...this.#runs].sort())
      await announceRun(this.#database, { id, integrationId, institutionId, entityType });
  }
}
