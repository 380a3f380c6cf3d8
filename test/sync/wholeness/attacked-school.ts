import { MappingEntityType } from '../../../src/index.js';
import { newSchool, sharedServices } from '../../support/services.js';

const { GROUP, STUDENT } = MappingEntityType;

export const STUDENTS = 40;
export const HEADER = 'id,rut,nombres,apellidos,grupo_id,correo';

/** The row of a student; each accent is one that a spoilt encoding shows. */
export function row(number: number): string {
  const surname = number % 4 === 0 ? 'Núñez' : 'Soto';
  return `${number},,Ana ${number},${surname},G${(number % 4) + 1},ana${number}@colegio.cl`;
}

/** A list of students, lines and all. */
export function list(rows: readonly string[] = all()): string {
  return `${[HEADER, ...rows].join('\n')}\n`;
}

export function all(): string[] {
  return Array.from({ length: STUDENTS }, (_, i) => row(i + 1));
}

export const GROUPS = 'id,nombre\nG1,1A\nG2,1B\nG3,1C\nG4,1D\n';

/** A school that was read whole once, whose files are then replaced by ones that lack somebody. */
export async function attackedSchool(csv: Record<string, string | Buffer> = {}, config: object = {}) {
  const { database, integrationService } = await sharedServices();
  const school = await newSchool({ 'students.csv': list(), 'groups.csv': GROUPS, ...csv }, config);
  const sync = (type: MappingEntityType) => integrationService.syncData(school.integrationId, type);
  await sync(GROUP);
  await sync(STUDENT);
  /** The active people and groups, whom they are called, and the memberships. */
  const state = async () => {
    const rows = await database.query<{ key: string }>(
      `SELECT 'STUDENT ' || m.external_id || ' ' || s.family_name AS key FROM integration_mappings m
         JOIN students s ON s.id = m.internal_id AND s.institution_id = $2 AND s.active
         WHERE m.integration_id = $1 AND m.entity_type = 'STUDENT'
       UNION ALL SELECT 'GROUP ' || m.external_id FROM integration_mappings m
         JOIN groups g ON g.id = m.internal_id AND g.institution_id = $2 AND g.active
         WHERE m.integration_id = $1 AND m.entity_type = 'GROUP'
       UNION ALL SELECT 'MEMBERSHIP ' || g.external_id || ' ' || p.external_id FROM memberships t
         JOIN integration_mappings g ON g.internal_id = t.group_id AND g.integration_id = $1
         JOIN integration_mappings p ON p.internal_id = t.person_id AND p.integration_id = $1
         WHERE t.institution_id = $2`,
      [school.integrationId, school.institutionId],
    );
    return rows.map(({ key }) => key).sort();
  };
  const before = await state();
  return {
    ...school,
    before,
    state,
    sync,
    /** Replaces files and syncs so often that the grace is over; the last report of the students. */
    async attack(files: Record<string, string | Buffer>, types = [GROUP, STUDENT]) {
      await school.write(files);
      const reports = [];
      for (let night = 0; night < 3; night++) for (const type of types) reports.push(await sync(type));
      const last = reports.at(-1) as (typeof reports)[number];
      const { items } = await integrationService.listSyncIssues(school.integrationId, last.runId, {
        pageSize: 1_000,
      });
      return { reports, last, issues: items, gone: missingFrom(before, await state()) };
    },
  };
}

/** What was there and is there no longer. */
function missingFrom(before: readonly string[], after: readonly string[]): string[] {
  return before.filter((key) => !after.includes(key));
}
