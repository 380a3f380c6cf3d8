import { randomUUID } from 'node:crypto';
import pg from 'pg';

const made: string[] = [];

/** The PostgreSQL that the tests may use besides the embedded one; undefined when nobody gave them any. */
export const testDatabaseUrl = process.env.TEST_DATABASE_URL || undefined;

/** A new database on TEST_DATABASE_URL, dropped when the tests end; undefined where there is none. */
export async function freshDatabaseUrl(): Promise<string | undefined> {
  if (!testDatabaseUrl) return undefined;
  const name = `smartid_test_${randomUUID().replaceAll('-', '')}`;
  await admin(`CREATE DATABASE ${name}`);
  made.push(name);
  const url = new URL(testDatabaseUrl);
  url.pathname = `/${name}`;
  return url.href;
}

after(async () => {
  for (const name of made) await admin(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
});

async function admin(sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: testDatabaseUrl });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
