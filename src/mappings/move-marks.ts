import type { Database } from '../database/index.js';
import { markOf } from '../roster/index.js';

/** What became of the marks of a student who is merged into another. */
export interface MovedMarks {
  /** The sessions whose mark is the other's now; UUIDs. */
  moved: string[];
  /** Marks that are gone, as the other has one of the same session. */
  replaced: ReplacedMark[];
  /** Of all these sessions, those that are closed; UUIDs. */
  closed: string[];
}

export interface ReplacedMark {
  sessionId: string;
  /** What is gone, as the audit keeps marks. */
  mark: object;
  /** What the other has. */
  by: object;
}

/**
 * Gives the marks of one student to another. Where that one has a mark of the same session, that stays. Both students
 * must be locked, so that nobody records a mark of theirs meanwhile.
 */
export async function moveMarks(
  database: Database,
  { institutionId, from, to }: { institutionId: string; from: string; to: string },
): Promise<MovedMarks> {
  const marked = await database.query<{ id: string }>(
    `SELECT session_id AS id FROM attendance_records WHERE institution_id = $1 AND student_id = $2
     ORDER BY session_id`,
    [institutionId, from],
  );
  if (marked.length === 0) return { moved: [], replaced: [], closed: [] };
  const ids = marked.map(({ id }) => id);
  // Whoever closes one waits until its marks have moved, or it is seen here that it was closed.
  const sessions = await database.query<{ id: string; isClosed: boolean }>(
    `SELECT id, closed_at IS NOT NULL AS "isClosed" FROM class_sessions
     WHERE institution_id = $1 AND id = ANY($2::uuid[]) ORDER BY id FOR SHARE`,
    [institutionId, ids],
  );
  const key = [institutionId, ids, from, to];
  const replaced = await database.query<ReplacedMark>(
    `DELETE FROM attendance_records a USING attendance_records o
     WHERE a.institution_id = $1 AND a.session_id = ANY($2::uuid[]) AND a.student_id = $3
       AND o.institution_id = $1 AND o.session_id = a.session_id AND o.student_id = $4
     RETURNING a.session_id AS "sessionId", ${markOf('a')} AS mark, ${markOf('o')} AS by`,
    key,
  );
  await database.execute(
    `UPDATE attendance_records SET student_id = $4, updated_at = now()
     WHERE institution_id = $1 AND session_id = ANY($2::uuid[]) AND student_id = $3`,
    key,
  );
  const isReplaced = new Set(replaced.map(({ sessionId }) => sessionId));
  return {
    moved: ids.filter((id) => !isReplaced.has(id)),
    replaced,
    closed: sessions.filter(({ isClosed }) => isClosed).map(({ id }) => id),
  };
}
