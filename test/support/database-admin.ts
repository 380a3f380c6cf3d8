import pg from 'pg';

/** Runs statements that no transaction may hold, one after the other. */
export async function asAdmin(server: string, statements: readonly string[]): Promise<void> {
  const client = new pg.Client({ connectionString: server });
  await client.connect();
  try {
    for (const sql of statements) await client.query(sql);
  } finally {
    await client.end();
  }
}
