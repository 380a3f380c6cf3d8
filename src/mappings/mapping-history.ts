import type { MappingEntityType } from '../connectors/index.js';
import type { Database } from '../database/index.js';
import { type Page, type PageRequest, pageSizeOf, readPageToken, TOKEN, toPage } from '../paging.js';
import { cleanExternalId } from '../values/index.js';

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

/** One of `externalId` and `internalId` is given. */
export interface HistoryOf {
  integrationId: string;
  entityType: MappingEntityType;
  externalId?: string | undefined;
  internalId?: string | undefined;
}

/** Actions that say whom an id stands for. */
const WHO = `('CREATE', 'LINK', 'UNLINK', 'DELETE', 'REKEY')`;

/**
 * What became of a mapping, the newest first: of an external id (the changes that replaced it included), or
 * of an entity. With `at`, only what held at that moment.
 */
export async function mappingHistory(
  database: Database,
  of: HistoryOf,
  request: PageRequest & { at?: Date | undefined },
): Promise<Page<MappingHistoryEntry>> {
  const { integrationId, entityType } = of;
  const size = request.at ? 1 : pageSizeOf(request);
  const key = readPageToken(request.pageToken, [TOKEN.position, TOKEN.integer]);
  const externalId = of.externalId === undefined ? null : cleanExternalId(of.externalId);
  if (externalId !== null && typeof externalId !== 'string') return { items: [], nextPageToken: undefined };
  const entities =
    externalId === null ? [of.internalId] : await entitiesOf(database, integrationId, entityType, externalId);
  if (entities.length === 0) return { items: [], nextPageToken: undefined };
  const rows = await database.query<MappingHistoryEntry & { position: string; seq: number }>(
    `WITH found AS MATERIALIZED (
       SELECT c.run_id, c.seq, c.action, c.external_id, c.internal_id, c.before FROM sync_changes c
       WHERE c.integration_id = $1 AND c.internal_id = ANY($3::uuid[]) AND c.entity <> 'MEMBERSHIP'
         AND c.entity = $2
         AND c.outcome IS NULL AND ($4::text IS NULL OR c.external_id = $4 OR c.before->>'externalId' = $4)
     ), entries AS (
       SELECT r.applied_position AS place, c.seq, COALESCE(r.finished_at, r.started_at) AS at, r.id AS run_id,
         r.kind AS run_kind, c.action, c.external_id, c.internal_id,
         c.before->>'externalId' AS former_external_id, r.decision AS reason
       FROM found c
       CROSS JOIN LATERAL (SELECT * FROM sync_runs WHERE integration_id = $1 AND id = c.run_id OFFSET 0) r
       WHERE r.applied_position IS NOT NULL
       UNION ALL
       SELECT a.position, a.seq, a.at, a.run_id, a.run_kind, a.action, a.external_id, a.internal_id,
         a.former_external_id, a.reason
       FROM mapping_archive a
       WHERE a.integration_id = $1 AND a.internal_id = ANY($3::uuid[]) AND a.entity_type = $2
         AND ($4::text IS NULL OR a.external_id = $4 OR a.former_external_id = $4))
     SELECT place::text AS position, seq, at, run_id AS "runId", run_kind AS "runKind", action,
       external_id AS "externalId", internal_id AS "internalId", former_external_id AS "formerExternalId",
       reason
     FROM entries
     WHERE ($5::timestamptz IS NULL OR (at <= $5 AND action IN ${WHO}))
       ${key ? 'AND (place, seq) < ($7::bigint, $8::int)' : ''}
     ORDER BY place DESC, seq DESC LIMIT $6`,
    [integrationId, entityType, entities, externalId, request.at ?? null, size + 1, ...(key ?? [])],
  );
  if (request.at) return { items: rows.slice(0, 1).map(toEntry), nextPageToken: '' };
  return toPage(rows, size, ({ position, seq }) => [position, String(seq)], toEntry);
}

/**
 * The entities that an external id stood for: by its mapping, and by what was done to mappings that it no
 * longer has. Changes are found by their entities, since new ones of a first sync are not indexed by external
 * id.
 */
async function entitiesOf(
  database: Database,
  integrationId: string,
  entityType: string,
  externalId: string,
): Promise<string[]> {
  const rows = await database.query<{ id: string }>(
    `SELECT internal_id AS id FROM integration_mappings
      WHERE integration_id = $1 AND entity_type = $2 AND external_id = $3
     UNION
     SELECT internal_id FROM sync_changes
     WHERE integration_id = $1 AND entity = $2 AND external_id = $3
       AND action IN ('LINK', 'UNLINK', 'DELETE', 'REKEY')
     UNION
     SELECT internal_id FROM sync_changes
     WHERE integration_id = $1 AND entity = $2 AND action = 'REKEY' AND before->>'externalId' = $3
     UNION
     SELECT internal_id FROM mapping_archive
     WHERE integration_id = $1 AND entity_type = $2 AND external_id = $3
     UNION
     SELECT internal_id FROM mapping_archive
     WHERE integration_id = $1 AND entity_type = $2 AND former_external_id = $3`,
    [integrationId, entityType, externalId],
  );
  return rows.map(({ id }) => id);
}

function toEntry(row: MappingHistoryEntry): MappingHistoryEntry {
  const { at, runId, runKind, action, externalId, internalId, formerExternalId, reason } = row;
  return { at, runId, runKind, action, externalId, internalId, formerExternalId, reason };
}
