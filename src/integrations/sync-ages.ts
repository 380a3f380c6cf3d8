import type { Database } from '../database/index.js';

/** How long ago integrations were synced with success. */
export interface SyncAges {
  providers: {
    provider: string;
    status: string;
    count: number;
    neverSynced: number;
    oldestAt: Date | null;
  }[];
  /** Of those in use, the ones that were synced longest ago. */
  stalest: { id: string; provider: string; lastSyncAt: Date }[];
}

const MOST_STALEST = 100;

/** Beside all other work. */
export async function readSyncAges(database: Database): Promise<SyncAges> {
  const providers = await database.queryApart<SyncAges['providers'][number]>(
    `SELECT provider, status, count(*)::int AS count,
       count(*) FILTER (WHERE last_sync_at IS NULL)::int AS "neverSynced",
       min(last_sync_at) AS "oldestAt"
     FROM integrations
     GROUP BY provider, status`,
  );
  const stalest = await database.queryApart<SyncAges['stalest'][number]>(
    `SELECT id, provider, last_sync_at AS "lastSyncAt"
     FROM integrations
     WHERE status <> 'INACTIVE' AND last_sync_at IS NOT NULL
     ORDER BY last_sync_at, id
     LIMIT ${MOST_STALEST}`,
  );
  return { providers, stalest };
}
