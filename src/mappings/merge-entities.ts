import type { Database } from '../database/index.js';
import { invalidFields, ServiceError } from '../errors.js';
import { ENTITY_SPECS, type EntitySpec, type OrderSending } from '../roster/index.js';
import type { MappingRow, MappingRows } from './mapping-rows.js';
import { moveReferences } from './move-references.js';
import type { Repair, RepairRuns } from './repair-runs.js';

export interface MergeIds {
  keepInternalId: string;
  dropInternalId: string;
  /**
   * Where the integration has a mapping of both that its source still has: which of the two external ids
   * stays.
   */
  keepExternalId?: string | undefined;
}

interface Merge {
  runs: RepairRuns;
  rows: MappingRows;
  orderSending: OrderSending;
  repair: Repair;
  ids: MergeIds;
}

/** Makes one entity of two, inside the transaction of a repair; see `MappingRepairs.merge`. */
export async function mergeEntities(database: Database, merge: Merge): Promise<void> {
  const { runs, rows, repair, ids, orderSending } = merge;
  const { institutionId } = runs;
  const { entityType } = repair;
  const spec = ENTITY_SPECS[entityType];
  const wasActive = await requireEntities(database, institutionId, spec, ids);
  const dropped = await rows.find(repair, 'internal_id', ids.dropInternalId);
  const integrations = await integrationsOf(database, institutionId);
  const pointed: string[] = [];
  for (const integrationId of integrations) {
    await runs.begin(integrationId);
    const isAsked = integrationId === repair.integrationId;
    const isPointed = await mergeMappings(
      merge,
      integrationId,
      isAsked ? (kept, drop) => chooseMapping(kept, drop, ids.keepExternalId) : preferKept,
    );
    if (isPointed) pointed.push(integrationId);
  }
  await pointConflicts(database, integrations, entityType, ids);
  await leaveOutOfPlans(database, integrations, ids.dropInternalId);
  await moveReferences(database, {
    institutionId,
    entityType,
    from: ids.dropInternalId,
    to: ids.keepInternalId,
    pointed,
    log: (effect) => runs.logEffect(effect),
    noteMarks: (marks) => runs.noteMarks(marks),
    orderSending: async (sessionIds) => {
      await orderSending({ institutionId, sessionIds }, { isCorrected: true, isPast: true });
    },
  });
  // Who was merged into the dropped one before is now the same as the kept one.
  await database.execute(
    `UPDATE ${spec.table} SET active = false, merged_into = $3, updated_at = now()
     WHERE institution_id = $1 AND (id = $2 OR merged_into = $2)`,
    [institutionId, ids.dropInternalId, ids.keepInternalId],
  );
  if (!wasActive) return;
  const change = {
    action: 'DEACTIVATE',
    internalId: ids.dropInternalId,
    externalId: dropped?.externalId ?? '',
  } as const;
  await runs.log(repair.integrationId, { ...change, before: { active: true }, after: { active: false } });
}

/** Returns whether the one to be dropped is active. */
async function requireEntities(
  database: Database,
  institutionId: string,
  { table, noun }: EntitySpec,
  { keepInternalId, dropInternalId }: MergeIds,
): Promise<boolean> {
  const rows = await database.query<{ id: string; active: boolean; mergedInto: string | null }>(
    `SELECT id, active, merged_into AS "mergedInto" FROM ${table}
      WHERE institution_id = $1 AND id = ANY($2::uuid[])
     ORDER BY id FOR UPDATE`,
    [institutionId, [keepInternalId, dropInternalId]],
  );
  const missing = Object.entries({ keepInternalId, dropInternalId }).filter(
    ([, id]) => !rows.some((row) => row.id === id),
  );
  if (missing.length > 0) {
    throw invalidFields(
      missing.map(([field, id]) => ({ field, description: `there is no ${noun} ${id} in this institution` })),
    );
  }
  for (const { id, mergedInto } of rows) {
    if (mergedInto === null || (id === dropInternalId && mergedInto === keepInternalId)) continue;
    throw new ServiceError(
      'failed_precondition',
      `The ${noun} ${id} was merged into ${mergedInto} before: give that id.`,
      {
        reason: `${noun.toUpperCase()}_MERGED`,
      },
    );
  }
  return rows.find(({ id }) => id === dropInternalId)?.active ?? false;
}

async function integrationsOf(database: Database, institutionId: string): Promise<string[]> {
  const rows = await database.query<{ id: string }>(
    'SELECT id FROM integrations WHERE institution_id = $1 ORDER BY id FOR SHARE',
    [institutionId],
  );
  return rows.map(({ id }) => id);
}

/**
 * Lets the mappings of one integration lead to the kept entity: one mapping at most, which `choose` picks. Returns
 * whether that is the one of the dropped entity.
 */
async function mergeMappings(
  { runs, rows, repair, ids }: Merge,
  integrationId: string,
  choose: (kept: MappingRow | undefined, dropped: MappingRow | undefined) => MappingRow | undefined,
): Promise<boolean> {
  const key = { integrationId, entityType: repair.entityType };
  const kept = await rows.find(key, 'internal_id', ids.keepInternalId);
  const dropped = await rows.find(key, 'internal_id', ids.dropInternalId);
  if (!dropped) return false;
  const stays = choose(kept, dropped);
  const goes = kept && (stays === kept ? dropped : kept);
  if (goes) {
    const { internalId, externalId } = goes;
    await rows.delete(key, externalId);
    await runs.log(integrationId, { action: 'UNLINK', internalId, externalId, before: {}, after: {} });
    // Also where the source lacks it now: a broken export does, and has it again.
    await rows.leaveOut(key, goes, { sameAs: ids.keepInternalId, institutionId: runs.institutionId });
  }
  if (stays !== dropped) return false;
  const { externalId } = dropped;
  await rows.point(key, externalId, ids.keepInternalId);
  await runs.log(integrationId, {
    action: 'UNLINK',
    internalId: ids.dropInternalId,
    externalId,
    before: {},
    after: {},
  });
  await runs.log(integrationId, {
    action: 'LINK',
    internalId: ids.keepInternalId,
    externalId,
    before: {},
    after: {},
  });
  return true;
}

/** The mapping that stays: the one that the source still has. Where it has both, a person must say. */
function chooseMapping(
  kept: MappingRow | undefined,
  dropped: MappingRow | undefined,
  keepExternalId: string | undefined,
) {
  if (!kept || !dropped || kept.missingRuns > 0 || dropped.missingRuns > 0) return preferKept(kept, dropped);
  const chosen = [kept, dropped].find(({ externalId }) => externalId === keepExternalId);
  if (chosen) return chosen;
  throw new ServiceError(
    'failed_precondition',
    `The source has both "${kept.externalId}" and "${dropped.externalId}". Say with keepExternalId which of them stays.`,
    { reason: 'BOTH_MAPPED' },
  );
}

/**
 * The same for an integration that nobody was asked about: where its source has both, that of the kept entity
 * stays.
 */
function preferKept(kept: MappingRow | undefined, dropped: MappingRow | undefined): MappingRow | undefined {
  if (!kept || !dropped) return kept ?? dropped;
  return kept.missingRuns > 0 && dropped.missingRuns === 0 ? dropped : kept;
}

/** Conflicts in which the dropped one is a candidate, or was decided for. */
async function pointConflicts(
  database: Database,
  integrations: readonly string[],
  entityType: string,
  { keepInternalId, dropInternalId }: MergeIds,
): Promise<void> {
  // A second id of the kept one in the same source is left out, as when two mappings meet.
  const resolution = (decided: string) => `CASE WHEN ${decided} = 'LINK' AND EXISTS (
    SELECT 1 FROM integration_mappings m WHERE m.integration_id = d.integration_id AND m.entity_type = $2
      AND m.internal_id = $4 AND m.external_id <> d.external_id) THEN 'IGNORE' ELSE ${decided} END`;
  const isDecided = 'd.internal_id = $3';
  const wasDecided = `d.former->>'internalId' = $3::uuid::text`;
  const isIn = (list: string) => `${list} @> jsonb_build_array(jsonb_build_object('internalId', $3::uuid))`;
  const former = `d.former->'candidates'`;
  // In one statement: a former decision may become the decision again at any time.
  await database.execute(
    `UPDATE sync_conflicts d SET
       internal_id = CASE WHEN ${isDecided} THEN $4 ELSE d.internal_id END,
       resolution = CASE WHEN ${isDecided} THEN ${resolution('d.resolution')} ELSE d.resolution END,
       candidates = CASE WHEN ${isIn('d.candidates')} THEN ${pointed('d.candidates')} ELSE d.candidates END,
       former = d.former
         || CASE WHEN ${wasDecided} THEN jsonb_build_object('internalId', $4::uuid,
           'resolution', ${resolution(`d.former->>'resolution'`)}) ELSE '{}' END
         || CASE WHEN ${isIn(former)} THEN jsonb_build_object('candidates', ${pointed(former)}) ELSE '{}' END
     WHERE d.integration_id = ANY($1::uuid[]) AND d.entity_type = $2
       AND (${isDecided} OR ${wasDecided} OR ${isIn('d.candidates')} OR ${isIn(former)})`,
    [integrations, entityType, dropInternalId, keepInternalId],
  );
}

/** SQL for a list of candidates in which $4 stands for $3, once. */
function pointed(list: string): string {
  return `(SELECT jsonb_agg(c ORDER BY (c->>'confidence')::float8 DESC, c->>'internalId') FROM (
    SELECT DISTINCT ON (c->>'internalId') c FROM (
      SELECT CASE WHEN c->>'internalId' = $3::uuid::text
        THEN c || jsonb_build_object('internalId', $4::uuid) ELSE c END AS c
      FROM jsonb_array_elements(${list}) AS c) pointed
    ORDER BY c->>'internalId', (c->>'confidence')::float8 DESC) once)`;
}

/**
 * Plans that wait for a person and speak of the dropped one: these changes are not carried out when they are
 * approved.
 */
async function leaveOutOfPlans(
  database: Database,
  integrations: readonly string[],
  dropInternalId: string,
): Promise<void> {
  await database.execute(
    `UPDATE sync_changes c SET outcome = 'MOVED',
      reason = 'It was merged with another after the plan was made.'
     FROM (SELECT integration_id, id FROM sync_runs
           WHERE integration_id = ANY($1::uuid[]) AND status IN ('HELD', 'PREVIEWED')) r
     WHERE c.integration_id = r.integration_id AND c.run_id = r.id AND c.outcome IS NULL
       AND (c.internal_id = $2 OR $2::text IN (c.after->>'groupId', c.before->>'groupId',
         c.after->>'courseId'))`,
    [integrations, dropInternalId],
  );
}
