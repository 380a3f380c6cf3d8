import type { Database } from '../../src/database/index.js';

/**
 * Does `work` while the first transaction that writes a column of the integration's runs, or deletes rows that
 * they staged, is ended by the database, as one of two that waited for each other; returns what `work` does,
 * and how often that was written.
 */
export async function makeWayOnce<T>(
  database: Database,
  { integrationId, ...what }: { integrationId: string } & ({ column: string } | { deletes: 'sync_staged' }),
  work: () => Promise<T>,
): Promise<{ result: T; writes: number }> {
  const name = `make_way_${integrationId.replaceAll('-', '')}`;
  // A sequence counts on although its transaction was rolled back.
  await database.query(`CREATE SEQUENCE ${name}`);
  await database.query(
    `CREATE FUNCTION ${name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       IF nextval('${name}') = 1 THEN RAISE EXCEPTION 'deadlock detected' USING ERRCODE = '40P01'; END IF;
       RETURN COALESCE(NEW, OLD);
     END $$`,
  );
  const [event, row, condition] =
    'column' in what
      ? [`UPDATE OF ${what.column} ON sync_runs`, 'NEW', `AND NEW.${what.column} IS NOT NULL`]
      : [`DELETE ON ${what.deletes}`, 'OLD', ''];
  await database.query(
    `CREATE TRIGGER ${name} BEFORE ${event} FOR EACH ROW
     WHEN (${row}.integration_id = '${integrationId}' ${condition}) EXECUTE FUNCTION ${name}()`,
  );
  try {
    const result = await work();
    const [row] = await database.query<{ writes: number }>(`SELECT last_value::int AS writes FROM ${name}`);
    return { result, writes: row?.writes ?? 0 };
  } finally {
    await database.query(`DROP FUNCTION ${name} CASCADE`);
    await database.query(`DROP SEQUENCE ${name}`);
  }
}
