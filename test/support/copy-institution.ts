import type { Database } from '../../src/database/index.js';

/** Tables with what an institution has once it was synced. */
const TABLES = [
  'students',
  'teachers',
  'courses',
  'groups',
  'memberships',
  'sync_runs',
  'roster_edits',
  'integrations',
  'integration_mappings',
  'sync_changes',
  'sync_conflicts',
] as const;

/** Ids of an institution and its integrations, which keep their order. */
export interface InstitutionIds {
  institutionId: string;
  integrationIds: readonly string[];
}

const statements = new WeakMap<Database, Promise<string>>();

/**
 * Makes an institution that is as another one, in one statement: syncing costs more than copying what was
 * synced. Ids are those of the other, but for the institution's and its integrations'. Digests are made with
 * the id of the integration: rows of the source are looked at again.
 */
export async function copyInstitution(
  database: Database,
  from: InstitutionIds,
  to: InstitutionIds,
): Promise<void> {
  const statement = statements.get(database) ?? copyStatement(database);
  statements.set(database, statement);
  const values = [from.institutionId, to.institutionId, from.integrationIds, to.integrationIds];
  await database.query(await statement, values);
}

async function copyStatement(database: Database): Promise<string> {
  const columns = await database.query<{ table: string; column: string }>(
    `SELECT table_name AS table, column_name AS column FROM information_schema.columns
     WHERE table_schema = 'public' AND table_name = ANY($1::text[]) ORDER BY table_name, ordinal_position`,
    [TABLES],
  );
  const copies = TABLES.map((table) => {
    const names = columns.filter((one) => one.table === table).map(({ column }) => `"${column}"`);
    const integration = table === 'integrations' ? '"id"' : '"integration_id"';
    const values = names.map((name) => {
      if (name === '"institution_id"') return '$2::uuid';
      return name === integration ? `($4::uuid[])[array_position($3::uuid[], ${name})]` : name;
    });
    const isHis = names.includes('"institution_id"')
      ? 'institution_id = $1::uuid'
      : 'integration_id = ANY($3::uuid[])';
    return `of_${table} AS (INSERT INTO ${table} (${names.join(', ')}) SELECT ${values.join(', ')} FROM ${table} WHERE ${isHis})`;
  });
  return `WITH ${copies.join(', ')} SELECT`;
}
