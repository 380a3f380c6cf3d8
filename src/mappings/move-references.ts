import type { MappingEntityType } from '../connectors/index.js';
import type { Database } from '../database/index.js';

export interface MoveOptions {
  institutionId: string;
  entityType: MappingEntityType;
  from: string;
  to: string;
  logMembership(action: 'CREATE' | 'DELETE', membership: { groupId: string; personId: string; role: string }): Promise<void>;
}

/** Lets all that refers to one entity refer to another. Where that one has its own (a mark, a membership), its own stays. */
export async function moveReferences(
  database: Database,
  { institutionId, entityType, from, to, logMembership }: MoveOptions,
): Promise<void> {
  const values = [institutionId, from, to];
  const point = (table: string, column: string) =>
    database.execute(`UPDATE ${table} SET ${column} = $3 WHERE institution_id = $1 AND ${column} = $2`, values);
  if (entityType === 'COURSE') {
    await point('groups', 'course_id');
    await point('class_sessions', 'course_id');
    return;
  }
  if (entityType === 'GROUP') await point('class_sessions', 'group_id');
  if (entityType === 'TEACHER') await point('class_sessions', 'teacher_id');
  if (entityType === 'STUDENT') {
    await database.execute(
      `UPDATE attendance_records a SET student_id = $3 WHERE institution_id = $1 AND student_id = $2 AND NOT EXISTS (
         SELECT 1 FROM attendance_records o WHERE o.institution_id = $1 AND o.session_id = a.session_id AND o.student_id = $3)`,
      values,
    );
    await database.execute('DELETE FROM attendance_records WHERE institution_id = $1 AND student_id = $2', values.slice(0, 2));
  }
  const column = entityType === 'GROUP' ? 'group_id' : 'person_id';
  const role = entityType === 'GROUP' ? '' : `AND role = '${entityType}'`;
  const ended = await database.query<{ groupId: string; personId: string; role: string; integrationId: string | null }>(
    `DELETE FROM memberships WHERE institution_id = $1 AND ${column} = $2 ${role}
     RETURNING group_id AS "groupId", person_id AS "personId", role, integration_id AS "integrationId"`,
    values.slice(0, 2),
  );
  for (const { integrationId, ...membership } of ended) {
    await logMembership('DELETE', membership);
    const next = { ...membership, ...(entityType === 'GROUP' ? { groupId: to } : { personId: to }) };
    const made = await database.execute(
      `INSERT INTO memberships (institution_id, group_id, person_id, role, integration_id) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
      [institutionId, next.groupId, next.personId, next.role, integrationId],
    );
    if (made > 0) await logMembership('CREATE', next);
  }
}
