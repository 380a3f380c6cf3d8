import { allOf, type PageRequest, readPageToken, TOKEN } from '../../paging.js';
import { RUN_COLUMNS } from './run-rows.js';
import type { SyncRunStatus, SyncScope } from './sync-run.js';

/** Which runs are listed; what is left out does not matter. */
export interface RunFilter {
  institutionId?: string | undefined;
  status?: SyncRunStatus | undefined;
  /** In any case. */
  provider?: string | undefined;
  /** ALL: runs of all entity types, without their parts. */
  entityType?: SyncScope | undefined;
  /** Begun at this time or later. */
  startedFrom?: Date | undefined;
  /** Begun before this time. */
  startedBefore?: Date | undefined;
}

/**
 * The statement that lists the runs that fit, newest first, each with the `key` of its page token. Every
 * filter has an index in this order, whose later columns are those of the other filters: PostgreSQL goes along
 * it and looks at no row that does not fit.
 */
export function runList(
  integrationId: string | undefined,
  { pageToken, ...filter }: PageRequest & RunFilter,
  limit: number,
): { text: string; values: unknown[] } {
  const { institutionId, status, provider, entityType, startedFrom, startedBefore } = filter;
  const key = readPageToken(pageToken, [TOKEN.time, TOKEN.uuid]);
  const values: unknown[] = [limit];
  const conditions = allOf([
    integrationId && `integration_id = $${values.push(integrationId)}`,
    institutionId && `institution_id = $${values.push(institutionId)}`,
    status && `status = $${values.push(status)}`,
    provider && `provider = $${values.push(provider.toUpperCase())}`,
    entityType && `entity_type = $${values.push(entityType)}`,
    startedFrom && `started_at >= $${values.push(startedFrom)}`,
    startedBefore && `started_at < $${values.push(startedBefore)}`,
    key && `(started_at, id) < ($${values.push(key[0])}::timestamptz, $${values.push(key[1])}::uuid)`,
  ]);
  return {
    text: `SELECT ${RUN_COLUMNS},
         to_char(started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS key
       FROM sync_runs
       ${conditions}
       ORDER BY started_at DESC, id DESC
       LIMIT $1`,
    values,
  };
}
