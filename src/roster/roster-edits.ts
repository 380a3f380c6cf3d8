import { lockInstitution, logChange } from '../changes/index.js';
import type { Database } from '../database/index.js';
import { type FieldViolation, invalidFields, ServiceError } from '../errors.js';
import { cleanText, cleanValue, quoted } from '../values/index.js';
import { findUnusable } from './find-unusable.js';
import { type EditableField, ENTITY_SPECS, editableFields } from './schema.js';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export type EntityKind = 'STUDENT' | 'TEACHER' | 'COURSE' | 'GROUP';

/** What a backend says of an entity: the fields it names, and no others. An empty text clears a field. */
export type EntityEdit = Readonly<Record<string, string | boolean | undefined>>;

/**
 * Edits by backends. Each takes its place in the feed of changes, and marks the fields it touched as edited
 * in SmartID.
 */
export class RosterEdits {
  constructor(private readonly database: Database) {}

  /**
   * Puts an entity in, or changes the fields that are named. Values are cleaned and checked as those of a
   * sync. Throws
   * `invalid_argument` that names every wrong field, `failed_precondition` when it was merged into another;
   * then nothing is stored.
   */
  async put(kind: EntityKind, institutionId: string, id: string, edit: EntityEdit): Promise<void> {
    const { table, noun, named } = ENTITY_SPECS[kind];
    const fields = editableFields(ENTITY_SPECS[kind]);
    await this.#inOrder(institutionId, async () => {
      const read = fields.map(({ field: name, column }) => `'${name}', ${column}`).join(', ');
      const [row] = await this.database.query<{ now: Record<string, unknown>; mergedInto: string | null }>(
        `SELECT jsonb_build_object(${read}) AS now, merged_into AS "mergedInto" FROM ${table}
         WHERE institution_id = $1 AND id = $2 FOR UPDATE`,
        [institutionId, id],
      );
      if (row?.mergedInto) {
        throw new ServiceError(
          'failed_precondition',
          `The ${noun} ${id} was merged into ${row.mergedInto}: edit that one.`,
          {
            reason: `${noun.toUpperCase()}_MERGED`,
          },
        );
      }
      const given = await this.#clean(institutionId, fields, edit);
      const next = { ...row?.now, ...given };
      if (named.every((name) => !next[name])) {
        throw invalidFields([
          { field: named[0] as string, description: `${named.join(' or ')} must be given` },
        ]);
      }
      const changed = fields.filter(
        ({ field: name }) => name in given && (!row || row.now[name] !== given[name]),
      );
      if (row && changed.length === 0) return;
      const values = changed.map(({ field: name }) => given[name]);
      const edited = changed.map(({ field: name }) => name);
      const at = (index: number) => `$${index + 4}`;
      if (row) {
        const assignments = changed.map(({ column }, index) => `${column} = ${at(index)}`);
        await this.database.execute(
          `UPDATE ${table} SET ${assignments.join(', ')}, updated_at = now(),
             edited = (SELECT array_agg(DISTINCT name ORDER BY name)
               FROM unnest(edited || $3::text[]) AS name)
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
      const pick = (from: Record<string, unknown>) =>
        Object.fromEntries(edited.map((name) => [name, from[name]]));
      await logChange(this.database, institutionId, {
        entity: kind,
        action: row ? 'UPDATE' : 'CREATE',
        entityId: id,
        before: row ? pick(row.now) : null,
        after: pick(given),
      });
    });
  }

  /**
   * Puts somebody into a group, or takes somebody out of it. Throws `invalid_argument` when one of the two is
   * not there, or was merged.
   */
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
      await logChange(this.database, institutionId, {
        entity: 'MEMBERSHIP',
        action: isMember ? 'CREATE' : 'DELETE',
        entityId: membership.personId,
        before: isMember ? null : membership,
        after: isMember ? membership : null,
      });
    });
  }

  /** One transaction under the lock of the institution's changes. */
  async #inOrder(institutionId: string, work: () => Promise<void>): Promise<void> {
    await this.database.transaction(async () => {
      await lockInstitution(this.database, institutionId);
      await work();
    });
  }

  async #clean(
    institutionId: string,
    fields: readonly EditableField[],
    edit: EntityEdit,
  ): Promise<Record<string, unknown>> {
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

  /**
   * The id of a course as the database writes it, whatever letters it came in: it is compared with what is
   * there.
   */
  async #course(institutionId: string, raw: string, violations: FieldViolation[]): Promise<string | null> {
    const id = cleanText(raw);
    if (id === null) return null;
    if (!UUID.test(id)) {
      violations.push({ field: 'courseId', description: `${quoted(id)} is not a UUID` });
      return null;
    }
    const unusable = await findUnusable(this.database, ENTITY_SPECS.COURSE, institutionId, { courseId: id });
    violations.push(...unusable);
    return unusable.length === 0 ? id.toLowerCase() : null;
  }

  async #requireBoth(
    institutionId: string,
    groupId: string,
    personId: string,
    role: 'STUDENT' | 'TEACHER',
  ): Promise<void> {
    const violations = [
      ...(await findUnusable(this.database, ENTITY_SPECS.GROUP, institutionId, { groupId })),
      ...(await findUnusable(this.database, ENTITY_SPECS[role], institutionId, { personId })),
    ];
    if (violations.length > 0) throw invalidFields(violations);
  }
}
