import type { Database } from '../../src/database/index.js';

/**
 * Has PostgreSQL refuse the first `times` writes with this SQLSTATE. `when`: of a trigger, from its event on. Returns
 * how to end that.
 */
export async function refuseWrites(
  database: Database,
  { times, code, when }: { times: number; code: string; when: string },
): Promise<() => Promise<void>> {
  await database.query('CREATE SEQUENCE refused');
  await database.query(
    `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       IF nextval('refused') <= ${times} THEN RAISE EXCEPTION 'refused' USING ERRCODE = '${code}'; END IF;
       RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
     END $$`,
  );
  await database.query(`CREATE TRIGGER refuse BEFORE ${when} EXECUTE FUNCTION refuse()`);
  return async () => {
    await database.query('DROP FUNCTION refuse CASCADE');
    await database.query('DROP SEQUENCE refused');
  };
}
