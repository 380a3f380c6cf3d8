import type { Database } from '../../src/database/index.js';

/**
 * Does `work` while the first transaction that writes a column of the integration's runs is ended by the
 * database, as one of two that waited for each other; returns what `work` does, and how often the column was
 * written.
 */
export async function makeWayOnce<T>(
  database: Database,
  { integrationId, column }: { integrationId: string; column: string },
  work: () => Promise<T>,
): Promise<{ result: T; writes: number }> {
  const name = `make_way_${integrationId.replaceAll('-', '')}`;
  // A sequence counts on although its transaction was rolled back.
  await database.query(`CREATE SEQUENCE ${name}`);
  await database.query(
    `CREATE FUNCTION ${name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       IF nextval('${name}') = 1 THEN RAISE EXCEPTION 'deadlock detected' USING ERRCODE = '40P01'; END IF;
       RETURN NEW;
     END $$`,
  );
  await database.query(
    `CREATE TRIGGER ${name} BEFORE UPDATE OF ${column} ON sync_runs FOR EACH ROW
     WHEN (NEW.integration_id = '${integrationId}' AND NEW.${column} IS NOT NULL) EXECUTE FUNCTION ${name}()`,
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
