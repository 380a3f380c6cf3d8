import type { Database } from '../database/index.js';

/** An event of a chain as it was once answered. */
export interface Anchor {
  position: string;
  hash: Buffer;
}

export interface ChainProblem {
  position: string;
  /**
   * CHANGED: the row is not the one that was written there, follows another one, or was put in. MISSING: there is none.
   * ANCHOR_MISMATCH: the chain is another one than that of the anchor.
   */
  kind: 'CHANGED' | 'MISSING' | 'ANCHOR_MISMATCH';
}

export interface Verification {
  /** How many events were looked at. */
  events: number;
  /** The first hundred problems, in the order of the chain. None: the chain is whole. */
  problems: ChainProblem[];
  /** The last event: keep both outside the database, as the anchor of a later verification. */
  position: string;
  hash: Buffer;
}

const SLICE = 5_000;
const MAX_PROBLEMS = 100;

/** Looks at every event of a chain, slice by slice. What is added meanwhile is left for the next time. */
export async function verifyChain(
  database: Database,
  institutionId: string,
  anchor?: Anchor,
): Promise<Verification> {
  const { end, isHeadGone, strays } = await readEnds(database, institutionId);
  const problems: ChainProblem[] = [];
  const note = (position: bigint, kind: ChainProblem['kind']) => {
    if (problems.length < MAX_PROBLEMS) problems.push({ position: String(position), kind });
  };
  let last: { position: bigint; hash: Buffer } = { position: 0n, hash: Buffer.alloc(0) };
  let events = 0;
  let anchored: Buffer | undefined;
  for (let isMore = true; isMore; ) {
    const rows = await readSlice(database, institutionId, last, end.position);
    for (const row of rows) {
      const position = BigInt(row.position);
      for (let gap = last.position + 1n; gap < position && problems.length < MAX_PROBLEMS; gap++) {
        note(gap, 'MISSING');
      }
      // After a gap nobody knows the hash before: the gap itself is the problem.
      if (position === last.position + 1n && !row.isAsWritten) note(position, 'CHANGED');
      if (row.position === anchor?.position) anchored = row.hash;
      last = { position, hash: row.hash };
    }
    events += rows.length;
    isMore = rows.length === SLICE;
  }
  for (let gap = last.position + 1n; gap <= BigInt(end.position) && problems.length < MAX_PROBLEMS; gap++) {
    note(gap, 'MISSING');
  }
  if (last.position === BigInt(end.position) && !last.hash.equals(end.hash)) note(last.position, 'CHANGED');
  // Whoever took that away had a reason: nobody knows what came after.
  if (isHeadGone) note(last.position + 1n, 'MISSING');
  for (const position of strays) note(BigInt(position), 'CHANGED');
  // Whoever writes the whole chain anew has its head agree with it; not what was noted elsewhere.
  if (anchor && anchored && !anchored.equals(anchor.hash)) note(BigInt(anchor.position), 'ANCHOR_MISMATCH');
  if (anchor && !anchored && BigInt(anchor.position) > BigInt(end.position)) {
    note(BigInt(anchor.position), 'MISSING');
  }
  return { events, problems, position: end.position, hash: end.hash };
}

/** Rows after one whose hash is known, with whether each is what was written after the one before it. */
function readSlice(
  database: Database,
  institutionId: string,
  { position, hash }: { position: bigint; hash: Buffer },
  end: string,
) {
  return database.query<{ position: string; hash: Buffer; isAsWritten: boolean }>(
    `SELECT e.position::text AS position, e.hash,
       e.hash = audit_hash(COALESCE(lag(e.hash) OVER (ORDER BY e.position), $3), e.whole) AS "isAsWritten"
     FROM (SELECT e.position, e.hash, e AS whole FROM audit_events e
           WHERE institution_id = $1 AND position > $2 AND position <= $4
           ORDER BY position LIMIT ${SLICE}) e
     ORDER BY e.position`,
    [institutionId, String(position), hash, end],
  );
}

/**
 * Where a chain ends, and the positions that are none of it: before its first event, or behind the last one. All as it
 * was at one moment, so that none is taken for a stray that was added since. Where the head is gone, the last row
 * stands for it.
 */
async function readEnds(
  database: Database,
  institutionId: string,
): Promise<{ end: Anchor; isHeadGone: boolean; strays: string[] }> {
  const [row] = await database.query<{
    head: string | null;
    headHash: Buffer | null;
    last: string | null;
    lastHash: Buffer | null;
    strays: string[];
  }>(
    `SELECT h.position::text AS head, h.hash AS "headHash", l.position::text AS last, l.hash AS "lastHash",
       ARRAY(SELECT e.position::text FROM audit_events e
         WHERE e.institution_id = i.id AND (e.position < 1 OR e.position > h.position)
         ORDER BY e.position LIMIT ${MAX_PROBLEMS}) AS strays
     FROM (SELECT $1::uuid AS id) i
     LEFT JOIN audit_heads h ON h.institution_id = i.id
     LEFT JOIN LATERAL (SELECT position, hash FROM audit_events e
       WHERE e.institution_id = i.id
       ORDER BY e.position DESC LIMIT 1) l ON true`,
    [institutionId],
  );
  const { head, headHash, last, lastHash, strays = [] } = row ?? {};
  const isHeadGone = !head && Boolean(last);
  return {
    end: { position: head ?? last ?? '0', hash: headHash ?? lastHash ?? Buffer.alloc(0) },
    isHeadGone,
    strays,
  };
}
