import type { Database } from '../database/index.js';
import { ServiceError } from '../errors.js';
import { FEED_ACTION, IN_FEED } from './change-log.js';

/** One entry of the feed. */
export interface FeedEntry {
  /** Its place: entries are ordered by position, then by number. A decimal integer. */
  position: string;
  seq: number;
  /** The run that made the change; empty where none did. */
  runId: string;
  action: 'CREATE' | 'UPDATE' | 'DELETE';
  entity: 'COURSE' | 'GROUP' | 'STUDENT' | 'TEACHER' | 'MEMBERSHIP';
  /** The entity's UUID; of a membership, the person's. */
  entityId: string;
  before: Record<string, unknown> | null;
  after: Record<string, unknown> | null;
  changedAt: Date;
}

/** A place in the feed: that of an entry, or between two. */
export interface FeedPlace {
  position: string;
  seq: string;
}

/** Where a feed begins whose older entries were deleted. */
export interface FeedStart {
  position: string;
  /** When what came last before it was changed. */
  changedAt: Date;
}

/** How many runs are looked through at once: few at first, as one large run fills a page. */
const FEWEST_RUNS = 1;
const MOST_RUNS = 256;
/** After every entry of a position. */
const LAST_SEQ = '2147483647';

/**
 * Reads the feed of an institution in the order of commits, `limit` entries at most, from after a place on.
 * Without one, from where the feed begins. Returns them with the place to go on from. Costs what the page costs,
 * whatever the size of the runs that the page is cut from. Throws `failed_precondition` for a place before the
 * beginning.
 */
export async function readFeed(
  database: Database,
  { institutionId, after: asked, limit }: { institutionId: string; after?: FeedPlace; limit: number },
): Promise<{ entries: FeedEntry[]; end: FeedPlace; hasMore: boolean; start?: FeedStart }> {
  return database.transaction(async () => {
    // Several statements see one state: else a run that commits between two of them would be passed over.
    await database.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const start = await readStart(database, institutionId);
    if (start && asked && BigInt(asked.position) < BigInt(start.position)) throw expired(start);
    const after = asked ?? { position: start?.position ?? '0', seq: start ? LAST_SEQ : '0' };
    const edits = await readEdits(database, institutionId, after, limit + 1);
    const { entries: ofRuns, through } = await readRuns(database, institutionId, after, limit + 1);
    const all = [...edits, ...ofRuns].sort(byPlace);
    const entries = all.slice(0, limit);
    const hasMore = all.length > limit;
    const last = entries.at(-1);
    const at = last ? { position: last.position, seq: String(last.seq) } : after;
    // All runs were looked through, also those that changed nothing: they need not be looked at again.
    const isBehind = !hasMore && BigInt(through) > BigInt(at.position);
    const end = isBehind ? { position: through, seq: LAST_SEQ } : at;
    return { entries, end, hasMore, ...(start && { start }) };
  });
}

async function readStart(database: Database, institutionId: string): Promise<FeedStart | undefined> {
  const [start] = await database.query<FeedStart>(
    `SELECT position::text AS position, changed_at AS "changedAt" FROM feed_starts WHERE institution_id = $1`,
    [institutionId],
  );
  return start;
}

function expired({ changedAt }: FeedStart): ServiceError {
  return new ServiceError(
    'failed_precondition',
    `Changes up to ${changedAt.toISOString()} are no longer kept, and the page token leads to before that. Ask without a page token, go on to the end, read the roster anew, and go on from there.`,
    { reason: 'ROSTER_CHANGES_EXPIRED', metadata: { keptSince: changedAt.toISOString() } },
  );
}

/** What no run made, or a run of an integration that was deleted since. */
function readEdits(
  database: Database,
  institutionId: string,
  after: FeedPlace,
  limit: number,
): Promise<FeedEntry[]> {
  return database.query<FeedEntry>(
    // Ordered by the column: the text of the same name would put 10 before 9.
    `SELECT e.position::text AS position, e.seq, COALESCE(e.run_id::text, '') AS "runId", e.action, e.entity,
       e.entity_id AS "entityId", e.before, e.after, e.changed_at AS "changedAt"
     FROM roster_edits e WHERE e.institution_id = $1 AND (e.position, e.seq) > ($2::bigint, $3::int)
     ORDER BY e.position, e.seq LIMIT $4`,
    [institutionId, after.position, after.seq, limit],
  );
}

/** Changes of runs, and the position up to which all runs were looked through. */
async function readRuns(database: Database, institutionId: string, after: FeedPlace, limit: number) {
  const entries: FeedEntry[] = [];
  let { position, seq } = after;
  for (let size = FEWEST_RUNS; ; size = Math.min(size * 4, MOST_RUNS)) {
    const runs = await database.query<{ position: string }>(
      `SELECT applied_position::text AS position FROM sync_runs
       WHERE institution_id = $1 AND applied_position >= $2
         AND (applied_position > $2 OR $3::int < ${LAST_SEQ})
       ORDER BY applied_position LIMIT $4`,
      [institutionId, position, seq, size],
    );
    const last = runs.at(-1);
    if (!last) return { entries, through: position };
    entries.push(
      ...(await readChanges(
        database,
        institutionId,
        { position, seq },
        last.position,
        limit - entries.length,
      )),
    );
    position = last.position;
    seq = LAST_SEQ;
    if (entries.length >= limit || runs.length < size) return { entries, through: position };
  }
}

/** The changes of the runs from a place up to a position: of each run, so many as the page may take. */
function readChanges(database: Database, institutionId: string, from: FeedPlace, to: string, limit: number) {
  return database.query<FeedEntry>(
    `SELECT r.applied_position::text AS position, c.seq, r.id::text AS "runId", ${FEED_ACTION} AS action,
      c.entity,
       c.internal_id AS "entityId", c.before, c.after, COALESCE(r.finished_at, r.started_at) AS "changedAt"
     FROM (SELECT * FROM sync_runs WHERE institution_id = $1 AND applied_position BETWEEN $2 AND $4
           ORDER BY applied_position LIMIT ${MOST_RUNS + 1}) r
     CROSS JOIN LATERAL (
       SELECT c.* FROM sync_changes c
       WHERE c.integration_id = r.integration_id AND c.run_id = r.id
         AND c.seq > CASE WHEN r.applied_position = $2 THEN $3::int ELSE 0 END AND ${IN_FEED}
       ORDER BY c.seq LIMIT $5) c
     ORDER BY r.applied_position, c.seq LIMIT $5`,
    [institutionId, from.position, from.seq, to, limit],
  );
}

function byPlace(a: FeedEntry, b: FeedEntry): number {
  if (a.position !== b.position) return BigInt(a.position) < BigInt(b.position) ? -1 : 1;
  return a.seq - b.seq;
}
