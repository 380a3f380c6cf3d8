import { randomUUID } from 'node:crypto';
import type { MappingEntityType } from '../connectors/index.js';
import type { Database } from '../database/index.js';
import { invalidFields, ServiceError } from '../errors.js';
import { type Page, type PageRequest, pageSizeOf, readPageToken, TOKEN, toPage } from '../paging.js';
import { moveReferences } from './move-references.js';

/** What something was done to a mapping for, and by what. */
export interface MappingHistoryEntry {
  at: Date;
  runId: string;
  /** MANUAL: a person did it. */
  runKind: 'SYNC' | 'PREVIEW' | 'ROLLBACK' | 'MANUAL';
  action: string;
  externalId: string;
  internalId: string;
  /** The id before, where the school changed it. */
  formerExternalId: string | null;
  /** What the person said. */
  reason: string | null;
}

interface Repair {
  integrationId: string;
  entityType: MappingEntityType;
  /** Why; it is kept with the run. */
  reason?: string | undefined;
}

interface MappingRow {
  internalId: string;
  externalId: string;
  missingRuns: number;
}

interface Change {
  action: 'REKEY' | 'LINK' | 'UNLINK' | 'DEACTIVATE';
  internalId: string;
  externalId: string;
  before: object;
  after: object;
}

/** What a repair works with, inside its transaction. */
interface Bench {
  institutionId: string;
  /** Writes a change of a mapping or its entity into the log. */
  log(change: Change): Promise<void>;
  /** The same for a membership. */
  logMembership(action: 'CREATE' | 'DELETE', membership: { groupId: string; personId: string; role: string }): Promise<void>;
}

/** Table and noun of each entity type. */
const ENTITIES = {
  STUDENT: { table: 'students', noun: 'student' },
  TEACHER: { table: 'teachers', noun: 'teacher' },
  COURSE: { table: 'courses', noun: 'course' },
  GROUP: { table: 'groups', noun: 'group' },
} as const;

/** Repairs of the map of ids by people: each in one transaction, as a run of its own in the log of changes. */
export class MappingCare {
  constructor(private readonly database: Database) {}

  /** The school changed an id. Throws `not_found`, and `already_exists` when the new one is mapped to somebody else. */
  async rekey(repair: Repair & { externalId: string; newExternalId: string }): Promise<void> {
    const { integrationId, entityType, externalId, newExternalId } = repair;
    await this.#repair(repair, async ({ log }) => {
      const mapping = await this.#mapping(repair, 'external_id', externalId);
      const taken = await this.#find(repair, 'external_id', newExternalId);
      if (taken?.internalId === mapping.internalId) return;
      if (taken) {
        throw new ServiceError(
          'already_exists',
          `"${newExternalId}" is mapped already, to ${taken.internalId}. If the two are one, use MergeMappings.`,
          { reason: 'MAPPING_EXISTS' },
        );
      }
      await this.database.execute(
        `UPDATE integration_mappings SET external_id = $4, digest = NULL, missing_runs = 0, missing_since = NULL, updated_at = now()
         WHERE integration_id = $1 AND entity_type = $2 AND external_id = $3`,
        [integrationId, entityType, externalId, newExternalId],
      );
      const { internalId } = mapping;
      await log({
        action: 'REKEY',
        internalId,
        externalId: newExternalId,
        before: { externalId },
        after: { externalId: newExternalId },
      });
    });
  }

  /** Takes a mapping away; the entity stays. The next sync looks who it is, as for somebody new. */
  async unlink(repair: Repair & { externalId: string }): Promise<void> {
    await this.#repair(repair, async (bench) => {
      await this.#unlink(repair, await this.#mapping(repair, 'external_id', repair.externalId), bench);
    });
  }

  /**
   * Two entities are one: all that refers to the one that is dropped then refers to the one that is kept, the mapping too,
   * and the dropped one becomes inactive. Where the source has both, `keepExternalId` says which of its ids stays, and the
   * other is left out from then on. Throws `failed_precondition` without it.
   */
  async merge(
    repair: Repair & { keepInternalId: string; dropInternalId: string; keepExternalId?: string | undefined },
  ): Promise<void> {
    const { integrationId, entityType, keepInternalId, dropInternalId, keepExternalId } = repair;
    if (keepInternalId === dropInternalId) throw invalidFields([{ field: 'dropInternalId', description: 'is the one to keep' }]);
    await this.#repair(repair, async (bench) => {
      const { institutionId, log } = bench;
      const wasActive = await this.#requireEntities(institutionId, entityType, { keepInternalId, dropInternalId });
      const kept = await this.#find(repair, 'internal_id', keepInternalId);
      const dropped = await this.#find(repair, 'internal_id', dropInternalId);
      const stays = chooseMapping(kept, dropped, keepExternalId);
      for (const mapping of [kept, dropped]) if (mapping && mapping !== stays) await this.#unlink(repair, mapping, bench);
      if (kept && dropped && kept.missingRuns === 0 && dropped.missingRuns === 0) {
        await this.#leaveOut(repair, stays === kept ? dropped : kept);
      }
      if (stays && stays === dropped) {
        await this.database.execute(
          `UPDATE integration_mappings SET internal_id = $4, digest = NULL, updated_at = now()
           WHERE integration_id = $1 AND entity_type = $2 AND external_id = $3`,
          [integrationId, entityType, dropped.externalId, keepInternalId],
        );
        const { externalId } = dropped;
        await log({ action: 'UNLINK', internalId: dropInternalId, externalId, before: {}, after: {} });
        await log({ action: 'LINK', internalId: keepInternalId, externalId, before: {}, after: {} });
      }
      await moveReferences(this.database, {
        institutionId,
        entityType,
        from: dropInternalId,
        to: keepInternalId,
        logMembership: bench.logMembership,
      });
      if (!wasActive) return;
      await this.database.execute(
        `UPDATE ${ENTITIES[entityType].table} SET active = false, updated_at = now() WHERE institution_id = $1 AND id = $2`,
        [institutionId, dropInternalId],
      );
      const externalId = dropped?.externalId ?? '';
      await log({
        action: 'DEACTIVATE',
        internalId: dropInternalId,
        externalId,
        before: { active: true },
        after: { active: false },
      });
    });
  }

  /**
   * What became of a mapping, the newest first: of an external id (those it replaced included), or of an entity. With
   * `at`, only what held at that moment.
   */
  async history(
    of: {
      integrationId: string;
      entityType: MappingEntityType;
      externalId?: string | undefined;
      internalId?: string | undefined;
    },
    request: PageRequest & { at?: Date | undefined } = {},
  ): Promise<Page<MappingHistoryEntry>> {
    const size = request.at ? 1 : pageSizeOf(request);
    const key = readPageToken(request.pageToken, [TOKEN.integer, TOKEN.integer]);
    const rows = await this.database.query<MappingHistoryEntry & { position: string; seq: number }>(
      `SELECT r.applied_position::text AS position, c.seq, COALESCE(r.finished_at, r.started_at) AS at, r.id AS "runId", r.kind AS "runKind",
         c.action, c.external_id AS "externalId", c.internal_id AS "internalId", c.before->>'externalId' AS "formerExternalId",
         r.decision AS reason
       FROM sync_changes c JOIN sync_runs r ON r.integration_id = c.integration_id AND r.id = c.run_id
       WHERE c.integration_id = $1 AND c.entity = $2 AND c.outcome IS NULL AND r.applied_position IS NOT NULL
         AND ($3::text IS NULL OR c.external_id = $3 OR c.before->>'externalId' = $3) AND ($4::uuid IS NULL OR c.internal_id = $4)
         AND ($5::timestamptz IS NULL OR (COALESCE(r.finished_at, r.started_at) <= $5
           AND c.action IN ('CREATE', 'LINK', 'UNLINK', 'DELETE', 'REKEY')))
         ${key ? 'AND (r.applied_position, c.seq) < ($7::bigint, $8::int)' : ''}
       ORDER BY r.applied_position DESC, c.seq DESC LIMIT $6`,
      [
        of.integrationId,
        of.entityType,
        of.externalId ?? null,
        of.internalId ?? null,
        request.at ?? null,
        size + 1,
        ...(key ?? []),
      ],
    );
    if (request.at) return { items: rows.slice(0, 1).map(toEntry), nextPageToken: '' };
    return toPage(rows, size, ({ position, seq }) => [position, String(seq)], toEntry);
  }

  /** One transaction, in the order of the institution's changes, while no sync of the same is under way. */
  async #repair({ integrationId, entityType, reason }: Repair, work: (bench: Bench) => Promise<void>): Promise<void> {
    await this.database.transaction(async () => {
      const [integration] = await this.database.query<{ institutionId: string }>(
        'SELECT institution_id AS "institutionId" FROM integrations WHERE id = $1 FOR SHARE',
        [integrationId],
      );
      if (!integration)
        throw new ServiceError('not_found', `There is no integration ${integrationId}.`, { reason: 'INTEGRATION_NOT_FOUND' });
      const { institutionId } = integration;
      await this.database.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [institutionId]);
      const runId = randomUUID();
      const begun = await this.database.execute(
        `INSERT INTO sync_runs (integration_id, id, institution_id, entity_type, kind, owner, lease_until, decision)
         VALUES ($1, $2, $3, $4, 'MANUAL', $2, now(), $5) ON CONFLICT (integration_id, entity_type) WHERE status = 'RUNNING' DO NOTHING`,
        [integrationId, runId, institutionId, entityType, reason || null],
      );
      if (begun === 0) {
        throw new ServiceError('aborted', `A sync of ${entityType} is running for this integration. Try again after it.`, {
          reason: 'SYNC_ALREADY_RUNNING',
        });
      }
      let seq = 0;
      const write = (
        entity: string,
        { action, internalId, externalId }: Omit<Change, 'before' | 'after' | 'action'> & { action: string },
        before: object | null,
        after: object | null,
      ) =>
        this.database.execute(
          `INSERT INTO sync_changes (integration_id, run_id, seq, entity, action, internal_id, external_id, before, after)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
          [integrationId, runId, ++seq, entity, action, internalId, externalId, before, after],
        );
      await work({
        institutionId,
        log: async (change) => void (await write(entityType, change, change.before, change.after)),
        logMembership: async (action, membership) => {
          const isNew = action === 'CREATE';
          const change = { action, internalId: membership.personId, externalId: '' };
          await write('MEMBERSHIP', change, isNew ? null : membership, isNew ? membership : null);
        },
      });
      await this.database.execute(
        `UPDATE sync_runs SET status = 'COMPLETED', stage = 'REPORT', applied_position = nextval('sync_runs_position'),
           finished_at = clock_timestamp() WHERE integration_id = $1 AND id = $2`,
        [integrationId, runId],
      );
    });
  }

  async #unlink({ integrationId, entityType }: Repair, { internalId, externalId }: MappingRow, { log }: Bench): Promise<void> {
    await this.database.execute(
      'DELETE FROM integration_mappings WHERE integration_id = $1 AND entity_type = $2 AND external_id = $3',
      [integrationId, entityType, externalId],
    );
    await log({ action: 'UNLINK', internalId, externalId, before: {}, after: {} });
  }

  /** Remembers that an id of the source is to be left out. Of courses and groups the next sync makes a new one. */
  async #leaveOut({ integrationId, entityType }: Repair, { externalId }: MappingRow): Promise<void> {
    if (entityType !== 'STUDENT' && entityType !== 'TEACHER') return;
    await this.database.execute(
      `INSERT INTO sync_conflicts (integration_id, entity_type, external_id, run_id, record, candidates, reason, resolution, resolved_at)
       VALUES ($1, $2, $3, gen_random_uuid(), '{}', '[]', 'was merged with another', 'IGNORE', now())
       ON CONFLICT (integration_id, entity_type, external_id) DO UPDATE SET resolution = 'IGNORE', internal_id = NULL, resolved_at = now()`,
      [integrationId, entityType, externalId],
    );
  }

  async #find(
    { integrationId, entityType }: Repair,
    column: 'external_id' | 'internal_id',
    id: string,
  ): Promise<MappingRow | undefined> {
    const [row] = await this.database.query<MappingRow>(
      `SELECT internal_id AS "internalId", external_id AS "externalId", missing_runs AS "missingRuns" FROM integration_mappings
       WHERE integration_id = $1 AND entity_type = $2 AND ${column} = $3 FOR UPDATE`,
      [integrationId, entityType, id],
    );
    return row;
  }

  async #mapping(repair: Repair, column: 'external_id' | 'internal_id', id: string): Promise<MappingRow> {
    const row = await this.#find(repair, column, id);
    if (row) return row;
    throw new ServiceError('not_found', `This integration has no ${repair.entityType} mapping with externalId "${id}".`, {
      reason: 'MAPPING_NOT_FOUND',
    });
  }

  /** Returns whether the one to be dropped is active. */
  async #requireEntities(institutionId: string, entityType: MappingEntityType, ids: Record<string, string>): Promise<boolean> {
    const { table, noun } = ENTITIES[entityType];
    const rows = await this.database.query<{ id: string; active: boolean }>(
      `SELECT id, active FROM ${table} WHERE institution_id = $1 AND id = ANY($2::uuid[]) FOR UPDATE`,
      [institutionId, Object.values(ids)],
    );
    const missing = Object.entries(ids).filter(([, id]) => !rows.some((row) => row.id === id));
    if (missing.length > 0) {
      throw invalidFields(
        missing.map(([field, id]) => ({ field, description: `there is no ${noun} ${id} in this institution` })),
      );
    }
    return rows.find(({ id }) => id === ids.dropInternalId)?.active ?? false;
  }
}

/** The mapping that stays: the one that the source still has. Where it has both, a person must say. */
function chooseMapping(kept: MappingRow | undefined, dropped: MappingRow | undefined, keepExternalId: string | undefined) {
  if (!kept || !dropped) return kept ?? dropped;
  if (dropped.missingRuns > 0) return kept;
  if (kept.missingRuns > 0) return dropped;
  const chosen = [kept, dropped].find(({ externalId }) => externalId === keepExternalId);
  if (chosen) return chosen;
  throw new ServiceError(
    'failed_precondition',
    `The source has both "${kept.externalId}" and "${dropped.externalId}". Say with keepExternalId which of them stays.`,
    { reason: 'BOTH_MAPPED' },
  );
}

function toEntry(row: MappingHistoryEntry): MappingHistoryEntry {
  const { at, runId, runKind, action, externalId, internalId, formerExternalId, reason } = row;
  return { at, runId, runKind, action, externalId, internalId, formerExternalId, reason };
}
