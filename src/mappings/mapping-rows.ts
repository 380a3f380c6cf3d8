import type { MappingEntityType } from '../connectors/index.js';
import type { Database } from '../database/index.js';
import { ServiceError } from '../errors.js';
import { ENTITY_SPECS } from '../roster/index.js';

export interface MappingKey {
  integrationId: string;
  entityType: MappingEntityType;
}

export interface MappingRow {
  internalId: string;
  externalId: string;
  /** In how many complete readings it was missing. */
  missingRuns: number;
}

/** The rows of integration_mappings, as repairs change them. External ids are clean. */
export class MappingRows {
  constructor(private readonly database: Database) {}

  async find(
    { integrationId, entityType }: MappingKey,
    column: 'external_id' | 'internal_id',
    id: string,
  ): Promise<MappingRow | undefined> {
    const [row] = await this.database.query<MappingRow>(
      `SELECT internal_id AS "internalId", external_id AS "externalId", missing_runs AS "missingRuns"
        FROM integration_mappings
       WHERE integration_id = $1 AND entity_type = $2 AND ${column} = $3 FOR UPDATE`,
      [integrationId, entityType, id],
    );
    return row;
  }

  /** By external id. Throws `not_found`. */
  async get(key: MappingKey, externalId: string): Promise<MappingRow> {
    const row = await this.find(key, 'external_id', externalId);
    if (row) return row;
    throw new ServiceError(
      'not_found',
      `This integration has no ${key.entityType} mapping with externalId "${externalId}".`,
      {
        reason: 'MAPPING_NOT_FOUND',
      },
    );
  }

  /** Without its digest: the next sync looks at the row of the source again. */
  async rekey({ integrationId, entityType }: MappingKey, from: string, to: string): Promise<void> {
    await this.database.execute(
      `UPDATE integration_mappings
        SET external_id = $4, digest = NULL, missing_runs = 0, missing_since = NULL, updated_at = now()
       WHERE integration_id = $1 AND entity_type = $2 AND external_id = $3`,
      [integrationId, entityType, from, to],
    );
  }

  /** Lets an external id stand for another entity. */
  async point(
    { integrationId, entityType }: MappingKey,
    externalId: string,
    internalId: string,
  ): Promise<void> {
    await this.database.execute(
      `UPDATE integration_mappings SET internal_id = $4, digest = NULL, updated_at = now()
       WHERE integration_id = $1 AND entity_type = $2 AND external_id = $3`,
      [integrationId, entityType, externalId, internalId],
    );
  }

  async delete({ integrationId, entityType }: MappingKey, externalId: string): Promise<void> {
    await this.database.execute(
      'DELETE FROM integration_mappings WHERE integration_id = $1 AND entity_type = $2 AND external_id = $3',
      [integrationId, entityType, externalId],
    );
  }

  /**
   * Lets what was decided about an external id go with the entity that has another from now on, where it was
   * decided about that entity, and forgets what was decided about the other id.
   */
  async moveDecision(
    { integrationId, entityType }: MappingKey,
    { from, to, internalId }: { from: string; to: string; internalId: string },
  ): Promise<void> {
    await this.forgetDecision({ integrationId, entityType }, to);
    await this.database.execute(
      `UPDATE sync_conflicts d SET external_id = $4
       WHERE d.integration_id = $1 AND d.entity_type = $2 AND d.external_id = $3
         AND (d.resolution = 'CREATE' OR (d.resolution = 'LINK' AND d.internal_id = $5))`,
      [integrationId, entityType, from, to, internalId],
    );
    await this.database.execute(
      `UPDATE sync_conflicts d SET former = NULL
       WHERE d.integration_id = $1 AND d.entity_type = $2 AND d.external_id = $3
         AND (d.former->>'resolution' = 'CREATE'
           OR (d.former->>'resolution' = 'LINK' AND (d.former->>'internalId')::uuid = $4))`,
      [integrationId, entityType, from, internalId],
    );
  }

  /** Forgets what a person decided about an external id, or was to decide. */
  async forgetDecision({ integrationId, entityType }: MappingKey, externalId: string): Promise<void> {
    await this.database.execute(
      'DELETE FROM sync_conflicts WHERE integration_id = $1 AND entity_type = $2 AND external_id = $3',
      [integrationId, entityType, externalId],
    );
  }

  /**
   * Remembers that an external id is to be left out, because it is the same as an entity that has another, as long
   * as its row may be whom it stood for. Of courses and groups the next sync makes a new one.
   */
  async leaveOut(
    { integrationId, entityType }: MappingKey,
    { internalId, externalId }: Pick<MappingRow, 'internalId' | 'externalId'>,
    { sameAs, institutionId }: { sameAs: string; institutionId: string },
  ): Promise<void> {
    if (entityType !== 'STUDENT' && entityType !== 'TEACHER') return;
    const { table, fields } = ENTITY_SPECS[entityType];
    const record = fields.map(({ field, column }) => `'${field}', t.${column}`).join(', ');
    await this.database.execute(
      `INSERT INTO sync_conflicts (integration_id, entity_type, external_id, run_id, record, candidates,
        reason, resolution, internal_id, resolved_at)
       SELECT $1, $2, $3, gen_random_uuid(), jsonb_build_object(${record}), '[]', 'was merged with another',
         'IGNORE', $4::uuid, now()
       FROM ${table} t WHERE t.institution_id = $5 AND t.id = $6
       ON CONFLICT (integration_id, entity_type, external_id)
       DO UPDATE SET record = excluded.record, candidates = excluded.candidates, reason = excluded.reason,
         resolution = 'IGNORE', internal_id = excluded.internal_id, resolved_at = now(), former = NULL`,
      [integrationId, entityType, externalId, sameAs, institutionId, internalId],
    );
  }
}
