import type { Database } from '../database/index.js';
import { type FieldViolation, invalidFields } from '../errors.js';
import { cleanText, cleanValue, type FieldKind, quoted } from '../values/index.js';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export type EntityKind = 'STUDENT' | 'TEACHER' | 'COURSE' | 'GROUP';

/** What a backend says of an entity: the fields it names, and no others. An empty text clears a field. */
export type EntityEdit = Readonly<Record<string, string | boolean | undefined>>;

interface EditableField {
  field: string;
  column: string;
  kind: FieldKind | 'active' | 'course';
}

const field = (name: string, column: string, kind: EditableField['kind']): EditableField => ({ field: name, column, kind });
const ACTIVE = field('active', 'active', 'active');
const PERSON = [
  field('nationalId', 'national_id', 'nationalId'),
  field('givenName', 'given_name', 'name'),
  field('familyName', 'family_name', 'name'),
  field('email', 'email', 'email'),
  field('code', 'code', 'text'),
  ACTIVE,
];

const KINDS: Readonly<Record<EntityKind, { table: string; fields: readonly EditableField[]; named: readonly string[] }>> = {
  STUDENT: {
    table: 'students',
    fields: [...PERSON, field('enrolledOn', 'enrolled_on', 'date'), field('birthDate', 'birth_date', 'date')],
    named: ['givenName', 'familyName'],
  },
  TEACHER: { table: 'teachers', fields: PERSON, named: ['givenName', 'familyName'] },
  COURSE: {
    table: 'courses',
    fields: [
      field('name', 'name', 'name'),
      field('code', 'code', 'text'),
      field('grade', 'grade', 'text'),
      field('academicTerm', 'academic_term', 'text'),
      field('description', 'description', 'text'),
      ACTIVE,
    ],
    named: ['name'],
  },
  GROUP: {
    table: 'groups',
    fields: [
      field('name', 'name', 'name'),
      field('code', 'code', 'text'),
      field('academicTerm', 'academic_term', 'text'),
      field('courseId', 'course_id', 'course'),
      ACTIVE,
    ],
    named: ['name'],
  },
};

/** Edits by backends. Each takes its place in the feed of changes, and marks the fields it touched as edited in SmartID. */
export class RosterEdits {
  constructor(private readonly database: Database) {}

  /**
   * Puts an entity in, or changes the fields that are named. Values are cleaned and checked as those of a sync. Throws
   * `invalid_argument` that names every wrong field; then nothing is stored.
   */
  async put(kind: EntityKind, institutionId: string, id: string, edit: EntityEdit): Promise<void> {
    const { table, fields, named } = KINDS[kind];
    await this.#inOrder(institutionId, async () => {
      const read = fields.map(({ field: name, column }) => `'${name}', ${column}`).join(', ');
      const [row] = await this.database.query<{ now: Record<string, unknown> }>(
        `SELECT jsonb_build_object(${read}) AS now FROM ${table} WHERE institution_id = $1 AND id = $2 FOR UPDATE`,
        [institutionId, id],
      );
      const given = await this.#clean(institutionId, fields, edit);
      const next = { ...row?.now, ...given };
      if (named.every((name) => !next[name])) {
        throw invalidFields([{ field: named[0] as string, description: `${named.join(' or ')} must be given` }]);
      }
      const changed = fields.filter(({ field: name }) => name in given && (!row || row.now[name] !== given[name]));
      if (row && changed.length === 0) return;
      const values = changed.map(({ field: name }) => given[name]);
      const edited = changed.map(({ field: name }) => name);
      const at = (index: number) => `$${index + 4}`;
      if (row) {
        const assignments = changed.map(({ column }, index) => `${column} = ${at(index)}`);
        await this.database.execute(
          `UPDATE ${table} SET ${assignments.join(', ')}, updated_at = now(),
             edited = (SELECT array_agg(DISTINCT name ORDER BY name) FROM unnest(edited || $3::text[]) AS name)
           WHERE institution_id = $1 AND id = $2`,
          [institutionId, id, edited, ...values],
        );
      } else {
        const columns = changed.map(({ column }) => `, ${column}`).join('');
        const marks = changed.map((_, index) => `, ${at(index)}`).join('');
        await this.database.execute(
          `INSERT INTO ${table} (institution_id, id, edited${columns}) VALUES ($1, $2, $3::text[]${marks})`,
          [institutionId, id, [...edited].sort(), ...values],
        );
      }
      const pick = (from: Record<string, unknown>) => Object.fromEntries(edited.map((name) => [name, from[name]]));
      await this.#log(institutionId, {
        entity: kind,
        action: row ? 'UPDATE' : 'CREATE',
        id,
        before: row ? pick(row.now) : null,
        after: pick(given),
      });
    });
  }

  /** Puts somebody into a group, or takes somebody out of it. Throws `invalid_argument` when one of the two is not there. */
  async putMembership(
    {
      institutionId,
      groupId,
      personId,
      role,
    }: { institutionId: string; groupId: string; personId: string; role: 'STUDENT' | 'TEACHER' },
    isMember: boolean,
  ): Promise<void> {
    await this.#inOrder(institutionId, async () => {
      const key = [institutionId, groupId, personId, role];
      if (isMember) await this.#requireBoth(institutionId, groupId, personId, role);
      const write = isMember
        ? 'INSERT INTO memberships (institution_id, group_id, person_id, role) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING'
        : 'DELETE FROM memberships WHERE institution_id = $1 AND group_id = $2 AND person_id = $3 AND role = $4';
      const [membership] = await this.database.query<{ groupId: string; personId: string; role: string }>(
        `${write} RETURNING group_id AS "groupId", person_id AS "personId", role`,
        key,
      );
      if (!membership) return;
      await this.#log(institutionId, {
        entity: 'MEMBERSHIP',
        action: isMember ? 'CREATE' : 'DELETE',
        id: membership.personId,
        before: isMember ? null : membership,
        after: isMember ? membership : null,
      });
    });
  }

  /** One transaction under the lock of the institution's changes. */
  async #inOrder(institutionId: string, work: () => Promise<void>): Promise<void> {
    await this.database.transaction(async () => {
      // Syncs lock the id as the database writes it; one that a caller wrote in capitals must be the same lock.
      await this.database.query('SELECT pg_advisory_xact_lock(hashtextextended($1::uuid::text, 0))', [institutionId]);
      await work();
    });
  }

  async #clean(institutionId: string, fields: readonly EditableField[], edit: EntityEdit): Promise<Record<string, unknown>> {
    const clean: Record<string, unknown> = {};
    const violations: FieldViolation[] = [];
    for (const { field: name, kind } of fields) {
      const raw = edit[name];
      if (raw === undefined) continue;
      if (typeof raw === 'boolean') clean[name] = raw;
      else if (kind === 'course') clean[name] = await this.#course(institutionId, raw, violations);
      else if (kind !== 'active') {
        const value = cleanValue(kind, raw);
        if (value !== null && typeof value !== 'string')
          violations.push({ field: name, description: `${value.problem}. ${value.hint}` });
        else clean[name] = kind === 'name' ? (value ?? '') : value;
      }
    }
    if (violations.length > 0) throw invalidFields(violations);
    return clean;
  }

  /** The id of a course as the database writes it, whatever letters it came in: it is compared with what is there. */
  async #course(institutionId: string, raw: string, violations: FieldViolation[]): Promise<string | null> {
    const id = cleanText(raw);
    if (id === null) return null;
    if (!UUID.test(id)) {
      violations.push({ field: 'courseId', description: `${quoted(id)} is not a UUID` });
      return null;
    }
    const [course] = await this.database.query<{ id: string }>('SELECT id FROM courses WHERE institution_id = $1 AND id = $2', [
      institutionId,
      id,
    ]);
    if (!course) violations.push({ field: 'courseId', description: `there is no course ${id} in this institution` });
    return course?.id ?? null;
  }

  async #requireBoth(institutionId: string, groupId: string, personId: string, role: 'STUDENT' | 'TEACHER'): Promise<void> {
    const [found] = await this.database.query<{ group: boolean; person: boolean }>(
      `SELECT EXISTS (SELECT 1 FROM groups WHERE institution_id = $1 AND id = $2) AS "group",
         EXISTS (SELECT 1 FROM ${KINDS[role].table} WHERE institution_id = $1 AND id = $3) AS person`,
      [institutionId, groupId, personId],
    );
    const missing: FieldViolation[] = [];
    if (!found?.group) missing.push({ field: 'groupId', description: `there is no group ${groupId} in this institution` });
    if (!found?.person)
      missing.push({ field: 'personId', description: `there is no ${role.toLowerCase()} ${personId} in this institution` });
    if (missing.length > 0) throw invalidFields(missing);
  }

  async #log(
    institutionId: string,
    change: { entity: string; action: string; id: string; before: object | null; after: object | null },
  ): Promise<void> {
    await this.database.execute(
      `INSERT INTO roster_edits (institution_id, position, entity, action, entity_id, before, after)
       VALUES ($1, nextval('sync_runs_position'), $2, $3, $4, $5, $6)`,
      [institutionId, change.entity, change.action, change.id, change.before, change.after],
    );
  }
}
