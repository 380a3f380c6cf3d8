import type { Database } from '../database/index.js';
import { markOf } from '../roster/index.js';

/** What became of the marks of a student who is merged into another. */
export interface MovedMarks {
  /** The sessions whose mark is the other's now; UUIDs. */
  moved: string[];
  /** Marks that are gone, as the other has one of the same session. */
  replaced: ReplacedMark[];
}

interface MoveMarksOptions {
  institutionId: string;
  from: string;
  to: string;
  pointed: readonly string[];
  /** Is told of closed sessions of which a mark is another's now, or has an id that it had not; UUIDs. */
  orderSending(sessionIds: readonly string[]): Promise<void>;
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
 * must be locked, so that nobody records a mark of theirs meanwhile. `pointed`: integrations in which the external id of
 * the first is that of the other now. What they were sent under it counts as sent of the other.
 */
export async function moveMarks(
  database: Database,
  { institutionId, from, to, pointed, orderSending }: MoveMarksOptions,
): Promise<MovedMarks> {
  const sessionsOf = async (studentId: string) => {
    const marked = await database.query<{ id: string }>(
      'SELECT session_id AS id FROM attendance_records WHERE institution_id = $1 AND student_id = $2',
      [institutionId, studentId],
    );
    return marked.map(({ id }) => id);
  };
  const ids = await sessionsOf(from);
  const alsoConcerned = pointed.length > 0 ? await sessionsOf(to) : [];
  // Whoever closes one waits until its marks have moved, or it is seen here that it was closed.
  const sessions = await database.query<{ id: string; isClosed: boolean }>(
    `SELECT id, closed_at IS NOT NULL AS "isClosed" FROM class_sessions
     WHERE institution_id = $1 AND id = ANY($2::uuid[]) ORDER BY id FOR SHARE`,
    [institutionId, [...ids, ...alsoConcerned]],
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
  const closed = sessions.filter(({ isClosed }) => isClosed).map(({ id }) => id);
  // Orders before deliveries, as whoever gives an order up locks them.
  if (closed.length > 0) await orderSending(closed);
  await database.execute(
    `UPDATE outbox_deliveries d SET student_id = $4
     WHERE d.integration_id = ANY($1::uuid[]) AND d.session_id = ANY($2::uuid[]) AND d.student_id = $3
       AND NOT EXISTS (SELECT 1 FROM outbox_deliveries o WHERE o.integration_id = d.integration_id
         AND o.session_id = d.session_id AND o.student_id = $4)`,
    [pointed, ids, from, to],
  );
  const isReplaced = new Set(replaced.map(({ sessionId }) => sessionId));
  return {
    moved: ids.filter((id) => !isReplaced.has(id)),
    replaced,
  };
}
