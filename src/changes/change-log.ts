import { recordEvent } from '../audit/index.js';
import type { Database } from '../database/index.js';

/** SQL for the next position in the change log. To be drawn under the institution's lock. */
export const NEXT_POSITION = `nextval('sync_runs_position')`;

/** A change of the roster that no run made. */
export interface DirectChange {
  entity: 'COURSE' | 'GROUP' | 'STUDENT' | 'TEACHER' | 'MEMBERSHIP';
  action: 'CREATE' | 'UPDATE' | 'DELETE';
  /** The entity's UUID; of a membership, the person's. */
  entityId: string;
  before: object | null;
  after: object | null;
}

/**
 * Writes a change that no run made into the change log, and into the audit. Call it under the institution's
 * lock.
 */
export async function logChange(
  database: Database,
  institutionId: string,
  change: DirectChange,
): Promise<void> {
  const { entity, action, entityId, before, after } = change;
  const [entry] = await database.query<{ position: string }>(
    `INSERT INTO roster_edits (institution_id, position, entity, action, entity_id, before, after)
     VALUES ($1, ${NEXT_POSITION}, $2, $3, $4, $5, $6)
     RETURNING position::text AS position`,
    [institutionId, entity, action, entityId, before, after],
  );
  await recordEvent(database, {
    institutionId,
    action: `${entity.toLowerCase()}.${DONE[action]}`,
    objectType: entity,
    objectId: entityId,
    changePosition: entry?.position,
    before,
    after,
  });
}

const DONE = { CREATE: 'created', UPDATE: 'updated', DELETE: 'deleted' } as const;

/**
 * A change of a run that is part of the feed: it was carried out, and changed more than a mapping. `c` is
 * sync_changes.
 */
export const IN_FEED = `c.outcome IS NULL AND c.action <> 'REKEY' AND c.before IS DISTINCT FROM c.after`;

/** How the feed names what a run did. `c` is sync_changes. */
export const FEED_ACTION = `CASE WHEN c.action IN ('CREATE', 'DELETE') THEN c.action ELSE 'UPDATE' END`;

/**
 * Before the runs of an integration are deleted: keeps what the feed needs of their changes, with the same
 * positions, and ends the memberships that the integration brought, each with an entry of its own. Call it
 * under the institution's lock.
 */
export async function keepChangesOf(
  database: Database,
  integration: { id: string; institutionId: string },
): Promise<void> {
  const key = [integration.id, integration.institutionId];
  await database.execute(
    `INSERT INTO roster_edits (institution_id, position, seq, run_id, entity, action, entity_id, before,
      after, changed_at)
     SELECT $2, r.applied_position, c.seq, r.id, c.entity, ${FEED_ACTION}, c.internal_id, c.before, c.after,
       COALESCE(r.finished_at, r.started_at)
     FROM sync_runs r JOIN sync_changes c ON c.integration_id = $1 AND c.run_id = r.id
     WHERE r.integration_id = $1 AND r.applied_position IS NOT NULL AND ${IN_FEED}`,
    key,
  );
  await database.execute(
    `WITH ended AS (
       DELETE FROM memberships WHERE institution_id = $2 AND integration_id = $1
         RETURNING group_id, person_id, role
     ), place AS MATERIALIZED (
       SELECT ${NEXT_POSITION} AS position
     )
     INSERT INTO roster_edits (institution_id, position, seq, entity, action, entity_id, before)
     SELECT $2, place.position, row_number() OVER (ORDER BY group_id, person_id, role), 'MEMBERSHIP',
       'DELETE', person_id,
       jsonb_build_object('groupId', group_id, 'personId', person_id, 'role', role)
     FROM ended CROSS JOIN place`,
    key,
  );
}
