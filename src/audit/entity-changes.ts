import type { Database } from '../database/index.js';
import { type Page, type PageRequest, pageSizeOf, readPageToken, TOKEN, toPage } from '../paging.js';

/** Whose changes, and of which field. */
export interface EntityChangesOf {
  institutionId: string;
  /** UUID of a student, teacher, course or group. */
  entityId: string;
  /** Only changes of this field, such as `email`. */
  field?: string | undefined;
}

/** A change of an entity, and who is behind it. */
export interface EntityChange {
  at: Date;
  entity: string;
  action: 'CREATE' | 'UPDATE' | 'DELETE';
  before: Record<string, unknown> | null;
  after: Record<string, unknown> | null;
  /** The integration and the run that made the change; null where a call did. */
  integrationId: string | null;
  runId: string | null;
  /** Who started or approved the run, or made the call; null where that is not known. */
  actor: string | null;
  method: string | null;
  requestId: string | null;
  address: string | null;
}

/**
 * Changes of one entity by runs and by calls, the newest first. Of a run that was approved, whoever approved
 * it is named; of a part of a run of all entity types, whoever is behind that run.
 */
export async function entityChanges(
  database: Database,
  request: PageRequest & EntityChangesOf,
): Promise<Page<EntityChange>> {
  const size = pageSizeOf(request);
  const key = readPageToken(request.pageToken, [TOKEN.position, TOKEN.integer]);
  const rows = await database.query<EntityChange & { position: string; seq: number }>(
    `WITH changes AS MATERIALIZED (
       SELECT e.position, e.seq, e.changed_at AS at, e.entity, e.action, e.before, e.after,
         NULL::uuid AS integration_id, e.run_id
       FROM roster_edits e
       WHERE e.institution_id = $1 AND e.entity_id = $2 AND e.entity <> 'MEMBERSHIP'
       UNION ALL
       SELECT r.applied_position, c.seq, COALESCE(r.finished_at, r.started_at), c.entity,
         CASE WHEN c.action IN ('CREATE', 'DELETE') THEN c.action ELSE 'UPDATE' END, c.before, c.after,
         r.integration_id, r.id
       FROM integrations i
       CROSS JOIN LATERAL (SELECT * FROM sync_changes c
         WHERE c.integration_id = i.id AND c.internal_id = $2 AND c.entity <> 'MEMBERSHIP'
           AND c.outcome IS NULL OFFSET 0) c
       CROSS JOIN LATERAL (SELECT * FROM sync_runs r
         WHERE r.integration_id = i.id AND r.id = c.run_id AND r.applied_position IS NOT NULL OFFSET 0) r
       WHERE i.institution_id = $1
     )
     SELECT c.position::text AS position, c.seq, c.at, c.entity, c.action, c.before, c.after,
       c.integration_id AS "integrationId", c.run_id AS "runId", a.actor, a.method,
       a.request_id AS "requestId", a.address
     FROM changes c
     LEFT JOIN LATERAL (${behindRun('c.run_id')}) part ON c.run_id IS NOT NULL
     LEFT JOIN LATERAL (${behindRun(`(part.after->>'partOf')::uuid`)}) whole
       ON part.after->>'partOf' IS NOT NULL
     LEFT JOIN LATERAL (SELECT * FROM audit_events a
       WHERE a.institution_id = $1 AND a.change_position = c.position LIMIT 1) edit ON c.run_id IS NULL
     CROSS JOIN LATERAL (SELECT
       COALESCE(edit.actor, whole.actor, part.actor) AS actor,
       COALESCE(edit.method, whole.method, part.method) AS method,
       COALESCE(edit.request_id, whole.request_id, part.request_id) AS request_id,
       COALESCE(edit.address, whole.address, part.address) AS address) a
     WHERE ($4::text IS NULL OR c.before->$4::text IS DISTINCT FROM c.after->$4::text)
       ${key ? 'AND (c.position, c.seq) < ($5::bigint, $6::int)' : ''}
     ORDER BY c.position DESC, c.seq DESC LIMIT $3`,
    [request.institutionId, request.entityId, size + 1, request.field ?? null, ...(key ?? [])],
  );
  return toPage(
    rows,
    size,
    ({ position, seq }) => [position, String(seq)],
    ({ position: _, seq: _seq, ...change }) => change,
  );
}

/** The event of whoever had the last word on a run: started it, or approved its plan. */
function behindRun(runId: string): string {
  return `SELECT * FROM audit_events a
    WHERE a.institution_id = $1 AND a.run_id = ${runId} AND a.object_type = 'SYNC_RUN' AND a.outcome = 'OK'
    ORDER BY a.position DESC LIMIT 1`;
}
