import type { SyncResult } from '../../connectors/index.js';
import { type Database, MAPPING_COLUMNS } from '../../database/index.js';
import { ServiceError } from '../../errors.js';
import { TOKEN } from '../../paging.js';
import { ENTITY_SPECS } from '../../roster/index.js';
import { cleanExternalId, MAX_EXTERNAL_ID, storableJson } from '../../values/index.js';
import { noCounts, type SyncRun } from '../runs/sync-run.js';
import {
  MAX_REPORTED_MAPPINGS,
  MAX_SENTENCES,
  type ReportedMapping,
  type SyncReport,
} from './report/report.js';
import type { SyncContext } from './sync-context.js';

/**
 * Stores the mappings of a connector that brought its entities into SmartID itself and returns the pairs of
 * ids. A pair that would break one of the two uniqueness rules is an error sentence, and the others are
 * stored.
 */
export async function adoptMappings(
  { database, run, lease }: SyncContext,
  result: SyncResult,
): Promise<SyncReport> {
  const errors = [...result.errors];
  const pairs = new Map<string, { externalId: string; internalId: string; metadata: string }>();
  const internal = new Set<string>();
  const merged = await mergedOf(database, run, result);
  for (const { internalId, externalId: given, metadata } of result.mappings) {
    const cleaned = cleanExternalId(given);
    const externalId = typeof cleaned === 'string' ? cleaned : '';
    const into = merged.get(internalId?.toLowerCase());
    const problem = problemOf(internalId, externalId, pairs, internal);
    if (problem) errors.push(problem);
    else if (into)
      errors.push(`mapping of "${externalId}": ${internalId} was merged into ${into}; map that one`);
    else {
      internal.add(internalId.toLowerCase());
      pairs.set(externalId, { externalId, internalId, metadata: storableJson(metadata ?? {}) });
    }
  }
  let refusals: string[] = [];
  const stored = await lease.transaction(() => {
    refusals = [];
    return store(database, run, [...pairs.values()], refusals);
  });
  errors.push(...refusals);
  const touched = stored.filter(({ before }) => before !== 'same');
  run.counts = {
    ...noCounts(),
    read: result.mappings.length,
    created: touched.filter(({ before }) => before === 'none').length,
    updated: touched.filter(({ before }) => before === 'other').length,
    unchanged: stored.length - touched.length,
    failed: result.mappings.length - stored.length,
  };
  run.stage = 'REPORT';
  return {
    run,
    runId: run.id,
    success: result.success,
    status: result.success ? 'COMPLETED' : 'FAILED',
    synced: result.synced,
    errors: errors.slice(0, MAX_SENTENCES),
    errorCount: errors.length,
    warningCount: 0,
    mappings: stored.slice(0, MAX_REPORTED_MAPPINGS),
    mappingsTruncated: stored.length > MAX_REPORTED_MAPPINGS,
    counts: run.counts,
    membershipCounts: noCounts(),
    gaps: [],
    parts: [],
  };
}

function problemOf(
  internalId: string,
  externalId: string,
  pairs: ReadonlyMap<string, unknown>,
  internal: ReadonlySet<string>,
) {
  if (!TOKEN.uuid.test(internalId ?? ''))
    return `mapping of "${externalId}": internalId "${internalId}" is not a UUID`;
  if (!externalId)
    return `mapping of ${internalId}: externalId must have 1 to ${MAX_EXTERNAL_ID} characters, and no NUL`;
  if (pairs.has(externalId)) return `mapping of "${externalId}" came twice; the first one counts`;
  if (internal.has(internalId.toLowerCase()))
    return `mapping of "${externalId}": ${internalId} came twice; the first one counts`;
  return undefined;
}

/** Which of the entities were merged into another, and into which. */
async function mergedOf(
  database: Database,
  { institutionId, entityType }: SyncRun,
  { mappings }: SyncResult,
) {
  if (entityType === 'ALL') return new Map<string, string>();
  const ids = mappings.map(({ internalId }) => internalId).filter((id) => TOKEN.uuid.test(id ?? ''));
  const rows = await database.query<{ id: string; into: string }>(
    `SELECT id, merged_into AS into FROM ${ENTITY_SPECS[entityType].table}
     WHERE institution_id = $1 AND merged_into IS NOT NULL AND id = ANY($2::uuid[])`,
    [institutionId, ids],
  );
  return new Map(rows.map(({ id, into }) => [id, into]));
}

type Stored = ReportedMapping & { before: 'none' | 'same' | 'other' };
type Pair = { externalId: string; internalId: string; metadata: string };

async function store(
  database: Database,
  run: SyncRun,
  pairs: readonly Pair[],
  errors: string[],
): Promise<Stored[]> {
  const [integration] = await database.query('SELECT 1 FROM integrations WHERE id = $1 FOR SHARE', [
    run.integrationId,
  ]);
  if (!integration) {
    throw new ServiceError('aborted', 'The integration was deleted while this run was under way.', {
      reason: 'INTEGRATION_DELETED',
    });
  }
  const taken = await findTaken(database, run, pairs);
  for (const { externalId, holder } of taken)
    errors.push(`mapping of "${externalId}": its internalId is already mapped to "${holder}"`);
  return upsertPairs(
    database,
    run,
    pairs,
    taken.map(({ externalId }) => externalId),
  );
}

/** The pairs as `p`; $1 to $5 are what `valuesOf` returns. */
const GIVEN = 'unnest($3::text[], $4::uuid[], $5::jsonb[]) AS p (external_id, internal_id, metadata)';

function valuesOf(run: SyncRun, pairs: readonly Pair[]): unknown[] {
  return [
    run.integrationId,
    run.entityType,
    pairs.map(({ externalId }) => externalId),
    pairs.map(({ internalId }) => internalId),
    pairs.map(({ metadata }) => metadata),
  ];
}

/** Pairs whose internal id another external id has already: storing them would break the rule. */
async function findTaken(
  database: Database,
  run: SyncRun,
  pairs: readonly Pair[],
): Promise<{ externalId: string; holder: string }[]> {
  return database.query(
    `SELECT p.external_id AS "externalId", m.external_id AS holder FROM ${GIVEN}
     JOIN integration_mappings m ON m.integration_id = $1 AND m.entity_type = $2
       AND m.internal_id = p.internal_id
       AND m.external_id <> p.external_id`,
    valuesOf(run, pairs),
  );
}

/** Stores the pairs but for those of the `refused` external ids. */
async function upsertPairs(
  database: Database,
  run: SyncRun,
  pairs: readonly Pair[],
  refused: readonly string[],
): Promise<Stored[]> {
  return database.query<Stored>(
    `WITH before AS (
       SELECT p.external_id, m.internal_id, m.metadata, p.internal_id AS next_id, p.metadata AS next_metadata
         FROM ${GIVEN}
       LEFT JOIN integration_mappings m ON m.integration_id = $1 AND m.entity_type = $2
         AND m.external_id = p.external_id
       WHERE NOT p.external_id = ANY($6)),
     written AS (
       INSERT INTO integration_mappings (integration_id, entity_type, internal_id, external_id, metadata,
         last_run_id)
       SELECT $1, $2, next_id, external_id, next_metadata, $7 FROM before
       WHERE internal_id IS DISTINCT FROM next_id OR metadata IS DISTINCT FROM next_metadata
       ON CONFLICT (integration_id, entity_type, external_id)
       DO UPDATE SET internal_id = excluded.internal_id, metadata = excluded.metadata,
         last_run_id = excluded.last_run_id,
         updated_at = now()
       RETURNING *)
     SELECT ${MAPPING_COLUMNS},
       CASE WHEN b.internal_id IS NULL THEN 'none' WHEN w.id IS NULL THEN 'same' ELSE 'other' END AS before
     FROM before b
     LEFT JOIN written w ON w.external_id = b.external_id
     JOIN LATERAL (
       SELECT w.* WHERE w.id IS NOT NULL
       UNION ALL
       SELECT x.* FROM integration_mappings x
       WHERE w.id IS NULL AND x.integration_id = $1 AND x.entity_type = $2
         AND x.external_id = b.external_id) m ON true
     ORDER BY b.external_id`,
    [...valuesOf(run, pairs), refused, run.id],
  );
}
