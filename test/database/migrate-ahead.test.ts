import { expect } from 'chai';
import pg from 'pg';
import { Database, migrate } from '../../src/database/index.js';
import { createIndex, migrations } from '../../src/database/migrations/index.js';
import { createLogger } from '../../src/observability/index.js';
import { freshDatabaseUrl, testDatabaseUrl } from '../support/database.js';
import { until } from '../support/until.js';

const logger = createLogger({ level: 'silent' });
const SCHOOL = '00000000-0000-4000-8000-0000000000aa';
const insertChange = (seq: number) =>
  `INSERT INTO sync_changes (integration_id, run_id, seq, entity, action, internal_id, external_id, after)
   VALUES ('${SCHOOL}', '${SCHOOL}', ${seq}, 'STUDENT', 'CREATE', '${SCHOOL}', 'S${seq}', '{}')`;

/** A database as the version before the migration of this name left it. */
async function databaseBefore(name: string) {
  const url = (await freshDatabaseUrl()) as string;
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
  await client.query(
    'CREATE TABLE schema_migrations (name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())',
  );
  for (const { name: own, ahead, sql } of migrations) {
    if (own >= name) break;
    for (const column of ahead?.columns ?? []) await client.query(column);
    for (const index of ahead?.indexes ?? []) await client.query(createIndex(index));
    await client.query(sql);
    await client.query('INSERT INTO schema_migrations (name) VALUES ($1)', [own]);
  }
  await client.end();
  const connect = async () => {
    const other = new pg.Client({ connectionString: url });
    await other.connect();
    return other;
  };
  return { connect, open: () => new Database({ connection: url, poolSize: 4, embedded: false, logger }) };
}

async function indexesOf(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ index: string }>(
    `SELECT c.relname || CASE WHEN i.indisvalid THEN '' ELSE ' is not valid' END AS index FROM pg_index i
     JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
     WHERE t.relname IN ('sync_changes', 'roster_edits', 'students') ORDER BY 1`,
  );
  return rows.map(({ index }) => index);
}

describe('a migration of a database that others use', () => {
  let expected: string[];
  before(async function () {
    if (!testDatabaseUrl) return this.skip();
    const client = new pg.Client({ connectionString: (await freshDatabaseUrl()) as string });
    await client.connect();
    expected = await indexesOf(client);
    await client.end();
  });

  it('builds the indexes of large tables without keeping anybody from writing', async () => {
    const { connect, open } = await databaseBefore('0011-change-log');
    const [busy, other] = [await connect(), await connect()];
    await busy.query(`BEGIN; ${insertChange(1)}`);
    const [first, second] = [open(), open()];
    const done = Promise.all([first, second].map((database) => migrate(database, logger)));
    done.catch(() => {});
    const isBuilding = async () =>
      (
        await other.query(`SELECT 1 FROM pg_stat_activity WHERE query LIKE 'CREATE%INDEX CONCURRENTLY%sync_changes%'
        AND datname = current_database() AND state = 'active' AND wait_event_type = 'Lock'`)
      ).rowCount === 1;
    await until(isBuilding);
    await other.query(`SET lock_timeout = '2s'; ${insertChange(2)}`);
    await busy.query('COMMIT');
    await done;
    expect(await indexesOf(other)).to.deep.equal(expected);
    const { rows } = await other.query('SELECT name FROM schema_migrations ORDER BY name');
    expect(rows.map(({ name }) => name)).to.deep.equal(migrations.map(({ name }) => name));
    const limits = await first.query(`SELECT current_setting('statement_timeout') AS limit`);
    expect(limits).to.deep.equal([{ limit: '1min' }]);
    await Promise.all([busy.end(), other.end(), first.close(), second.close()]);
  });

  it('builds an index anew that a process left half built which died on it', async () => {
    const { connect, open } = await databaseBefore('0011-change-log');
    const client = await connect();
    // As it is left there: neither used nor complete, but under its name.
    await client.query('CREATE INDEX sync_changes_by_internal ON sync_changes (integration_id, internal_id)');
    await client.query(
      `UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'sync_changes_by_internal'::regclass`,
    );
    const database = open();
    await migrate(database, logger);
    expect(await indexesOf(client)).to.deep.equal(expected);
    await Promise.all([client.end(), database.close()]);
  });
});
