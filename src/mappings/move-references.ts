import type { MappingEntityType } from '../connectors/index.js';
import type { Database } from '../database/index.js';
import { type MovedMarks, moveMarks } from './move-marks.js';
import type { RosterEffect } from './repair-runs.js';

export interface MoveOptions {
  institutionId: string;
  entityType: MappingEntityType;
  from: string;
  to: string;
  /** Integrations in which the external id of `from` is that of `to` now. */
  pointed: readonly string[];
  /** Writes what this changes in the roster into the change log. */
  log(effect: RosterEffect): Promise<void>;
  /** Hears what became of the marks of a student. */
  noteMarks(marks: MovedMarks): void;
  /** Orders that these closed sessions are sent to whoever was sent them before; UUIDs. */
  orderSending(sessionIds: readonly string[]): Promise<void>;
}

/**
 * Lets all that refers to one entity refer to another. Where that one has its own (a mark, a membership), its
 * own stays.
 */
export async function moveReferences(database: Database, options: MoveOptions): Promise<void> {
  const { institutionId, entityType, from, to } = options;
  const values = [institutionId, from, to];
  const point = (table: string, column: string) =>
    database.execute(
      `UPDATE ${table} SET ${column} = $3 WHERE institution_id = $1 AND ${column} = $2`,
      values,
    );
  if (entityType === 'COURSE') {
    await moveGroups(database, options);
    await point('class_sessions', 'course_id');
    return;
  }
  if (entityType === 'GROUP') await point('class_sessions', 'group_id');
  if (entityType === 'TEACHER') await point('class_sessions', 'teacher_id');
  if (entityType === 'STUDENT') options.noteMarks(await moveMarks(database, options));
  await moveMemberships(database, options);
}

async function moveGroups(database: Database, { institutionId, from, to, log }: MoveOptions): Promise<void> {
  const groups = await database.query<{ id: string }>(
    'UPDATE groups SET course_id = $3, updated_at = now() WHERE institution_id = $1 AND course_id = $2 RETURNING id',
    [institutionId, from, to],
  );
  for (const { id } of groups) {
    await log({
      entity: 'GROUP',
      action: 'UPDATE',
      internalId: id,
      before: { courseId: from },
      after: { courseId: to },
    });
  }
}

async function moveMemberships(
  database: Database,
  { institutionId, entityType, from, to, log }: MoveOptions,
): Promise<void> {
  const column = entityType === 'GROUP' ? 'group_id' : 'person_id';
  const role = entityType === 'GROUP' ? '' : `AND role = '${entityType}'`;
  const ended = await database.query<{
    groupId: string;
    personId: string;
    role: string;
    integrationId: string | null;
  }>(
    `DELETE FROM memberships WHERE institution_id = $1 AND ${column} = $2 ${role}
     RETURNING group_id AS "groupId", person_id AS "personId", role, integration_id AS "integrationId"`,
    [institutionId, from],
  );
  for (const { integrationId, ...before } of ended) {
    const entity = 'MEMBERSHIP';
    await log({ entity, action: 'DELETE', internalId: before.personId, before, after: null });
    const after = { ...before, ...(entityType === 'GROUP' ? { groupId: to } : { personId: to }) };
    const made = await database.execute(
      `INSERT INTO memberships (institution_id, group_id, person_id, role, integration_id)
        VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
      [institutionId, after.groupId, after.personId, after.role, integrationId],
    );
    if (made > 0) await log({ entity, action: 'CREATE', internalId: after.personId, before: null, after });
  }
}
