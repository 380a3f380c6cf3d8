import { recordEvent } from '../../audit/index.js';
import { lockInstitution } from '../../changes/index.js';
import type { Database } from '../../database/index.js';
import { ENTITY_SPECS, type EntitySpec } from '../../roster/index.js';
import {
  contradictionOfLink,
  findRenumbered,
  preferHashJoins,
  type Renumbered,
  rekeyMappings,
} from '../pipeline/index.js';
import type { ConflictResolution } from './conflict.js';
import { forgetFormerLinks } from './former-decision.js';
import { asManualRun } from './manual-run.js';

/** Which conflicts are decided, and how. */
export interface BulkDecision {
  entityType: 'STUDENT' | 'TEACHER';
  /** What rows and candidates have in common: a rule of the candidates, such as `nationalId`. */
  rule: string;
  resolution: ConflictResolution;
  /** Only tells what would be decided. */
  preview?: boolean | undefined;
  /** Why; it is kept with the re-keys. */
  reason?: string | undefined;
}

/** One conflict that was decided, or would be. */
export interface BulkDecided {
  conflictId: string;
  externalId: string;
  /** Who it is; null where the row is somebody new, or left out. */
  internalId: string | null;
  /** The id that the person had before; null where the person had none. */
  formerId: string | null;
  givenName: string | null;
  familyName: string | null;
}

export interface BulkOutcome {
  /** Decisions that the next sync carries out. */
  resolved: number;
  /** Mappings that got the new id at once, because the school changed it. */
  rekeyed: number;
  /** Conflicts with that rule that a person must decide one by one. */
  left: number;
  /** The first hundred of them that are decided. */
  decided: BulkDecided[];
}

type Of = { integrationId: string; institutionId: string };

const MAX_LISTED = 100;

/**
 * Decides at once about all waiting conflicts that have a candidate by one rule. LINK takes those of which
 * there is no doubt: a single candidate by that rule, whom no other row claims and the row does not
 * contradict. A candidate who is mapped to an id that the source has no longer, or has for somebody else,
 * gets the new id. CREATE leaves out rows whose id is mapped to somebody, which a person must decide one by
 * one. Throws `aborted` while a sync of the same stands in the way of new ids.
 */
export function resolveInBulk(database: Database, of: Of, decision: BulkDecision): Promise<BulkOutcome> {
  return database.transaction(async () => {
    // In this order, as whoever deletes the integration does.
    await lockInstitution(database, of.institutionId);
    await database.query('SELECT id FROM integrations WHERE id = $1 FOR SHARE', [of.integrationId]);
    const spec = ENTITY_SPECS[decision.entityType];
    await preferHashJoins(database);
    const { rule, resolution } = decision;
    const isLink = resolution === 'LINK';
    const rekeyed = isLink ? await findRenumbered(database, { ...of, spec, rule }) : [];
    const resolved = isLink
      ? await findLinks(database, of, spec, rule)
      : await findOthers(database, of, spec, decision);
    const waiting = await countWaiting(database, of, spec, rule);
    if (!decision.preview) {
      await rekey(database, of, spec, rekeyed, decision.reason);
      await decide(database, of, resolution, resolved);
      await forgetFormerLinks(
        database,
        { integrationId: of.integrationId, entityType: spec.entityType },
        {
          people: resolved.flatMap(({ internalId }) => internalId ?? []),
          rows: resolved.map(({ externalId }) => externalId),
        },
      );
      await recordEvent(database, {
        institutionId: of.institutionId,
        action: 'conflict.resolved_in_bulk',
        objectType: 'INTEGRATION',
        objectId: of.integrationId,
        integrationId: of.integrationId,
        after: {
          entityType: spec.entityType,
          rule,
          resolution,
          reason: decision.reason,
          rekeyed: rekeyed.length,
          conflictIds: resolved.map(({ conflictId }) => conflictId),
        },
      });
    }
    return {
      resolved: resolved.length,
      rekeyed: rekeyed.length,
      left: waiting - resolved.length - rekeyed.length,
      decided: [...rekeyed.map(toDecided), ...resolved].slice(0, MAX_LISTED),
    };
  });
}

/** Conflicts whose only candidate by the rule can be had, and is not contradicted. */
function findLinks(
  database: Database,
  { integrationId, institutionId }: Of,
  spec: EntitySpec,
  rule: string,
): Promise<BulkDecided[]> {
  const record = spec.fields.map(
    ({ field, column, kind }) => `(d.record->>'${field}')${kind === 'date' ? '::date' : ''} AS ${column}`,
  );
  return database.query<BulkDecided>(
    `WITH single AS MATERIALIZED (
       SELECT d.id, d.external_id, min(c->>'internalId')::uuid AS person_id, ${record.join(', ')}
       FROM sync_conflicts d CROSS JOIN LATERAL jsonb_array_elements(d.candidates) c
       WHERE d.integration_id = $1 AND d.entity_type = $3 AND d.resolution IS NULL AND c->>'rule' = $4
         AND NOT EXISTS (SELECT 1 FROM integration_mappings m
           WHERE m.integration_id = $1 AND m.entity_type = $3 AND m.external_id = d.external_id)
       GROUP BY d.id, d.external_id, d.record HAVING count(*) = 1
     ), claimed AS MATERIALIZED (
       SELECT r.*, count(*) OVER (PARTITION BY r.person_id) AS claims FROM single r)
     SELECT r.id AS "conflictId", r.external_id AS "externalId", r.person_id AS "internalId",
       NULL AS "formerId",
       r.given_name AS "givenName", r.family_name AS "familyName"
     FROM claimed r
     JOIN ${spec.table} t ON t.institution_id = $2 AND t.id = r.person_id AND t.merged_into IS NULL
     LEFT JOIN integration_mappings m ON m.integration_id = $1 AND m.entity_type = $3
       AND m.internal_id = r.person_id
     LEFT JOIN sync_conflicts o ON o.integration_id = $1 AND o.entity_type = $3 AND o.resolution = 'LINK'
       AND o.internal_id = r.person_id
     WHERE r.claims = 1 AND m.external_id IS NULL AND o.id IS NULL
       AND (${contradictionOfLink(spec, 'r', 't')}) IS NULL
     ORDER BY r.external_id`,
    [integrationId, institutionId, spec.entityType, rule],
  );
}

/** Conflicts with a candidate by the rule; for CREATE without those whose id is somebody's. */
function findOthers(
  database: Database,
  { integrationId }: Of,
  spec: EntitySpec,
  { rule, resolution }: BulkDecision,
): Promise<BulkDecided[]> {
  const isReused = `d.candidates @> '[{"rule": "externalId"}]'`;
  return database.query<BulkDecided>(
    `SELECT d.id AS "conflictId", d.external_id AS "externalId", NULL AS "internalId", NULL AS "formerId",
       d.record->>'givenName' AS "givenName", d.record->>'familyName' AS "familyName"
     FROM sync_conflicts d
     WHERE ${WAITING} ${resolution === 'CREATE' ? `AND NOT ${isReused}` : ''} ORDER BY d.external_id`,
    [integrationId, spec.entityType, rule],
  );
}

/**
 * Conflicts `d` that wait and have a candidate by a rule; $1 to $3 are the integration, the entity type and
 * the rule.
 */
const WAITING = `d.integration_id = $1 AND d.entity_type = $2 AND d.resolution IS NULL
  AND d.candidates @> jsonb_build_array(jsonb_build_object('rule', $3::text))`;

async function countWaiting(database: Database, of: Of, spec: EntitySpec, rule: string): Promise<number> {
  const [row] = await database.query<{ waiting: number }>(
    `SELECT count(*)::int AS waiting FROM sync_conflicts d WHERE ${WAITING}`,
    [of.integrationId, spec.entityType, rule],
  );
  return row?.waiting ?? 0;
}

async function rekey(
  database: Database,
  of: Of,
  spec: EntitySpec,
  people: readonly Renumbered[],
  reason: string | undefined,
): Promise<void> {
  if (people.length === 0) return;
  const { integrationId } = of;
  const { entityType } = spec;
  const decision = reason || 'the school changed its ids';
  await asManualRun(database, { ...of, entityType, decision }, async (runId) => {
    await database.execute(
      `INSERT INTO sync_changes (integration_id, run_id, seq, entity, action, internal_id, external_id,
        before, after)
       SELECT $1, $2, p.place, $3, 'REKEY', p.internal_id, p.external_id,
         jsonb_build_object('externalId', p.former_id),
         jsonb_build_object('externalId', p.external_id)
       FROM unnest($4::uuid[], $5::text[], $6::text[]) WITH ORDINALITY AS p (internal_id, external_id,
         former_id, place)`,
      [
        integrationId,
        runId,
        entityType,
        people.map(({ internalId }) => internalId),
        people.map(({ externalId }) => externalId),
        people.map(({ formerId }) => formerId),
      ],
    );
    await rekeyMappings(database, { integrationId, id: runId }, spec);
  });
}

async function decide(
  database: Database,
  { integrationId }: Of,
  resolution: ConflictResolution,
  decided: readonly BulkDecided[],
): Promise<void> {
  await database.execute(
    `UPDATE sync_conflicts d SET resolution = $2, internal_id = p.internal_id, resolved_at = now(), former = NULL
     FROM unnest($3::uuid[], $4::uuid[]) AS p (id, internal_id) WHERE d.integration_id = $1 AND d.id = p.id`,
    [
      integrationId,
      resolution,
      decided.map(({ conflictId }) => conflictId),
      decided.map(({ internalId }) => internalId),
    ],
  );
}

function toDecided({
  conflictId,
  externalId,
  internalId,
  formerId,
  givenName,
  familyName,
}: Renumbered): BulkDecided {
  return { conflictId, externalId, internalId, formerId, givenName, familyName };
}
