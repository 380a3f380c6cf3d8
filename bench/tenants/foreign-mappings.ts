import pg from 'pg';
import { createIntegrations } from '../../src/index.js';

/** How many mappings each of the other integrations has. */
const EACH = 10_000;
/** Rows a statement. */
const AT_ONCE = 1_000_000;

/**
 * Makes the schema, and mappings of so many students of other institutions, each with an integration of its
 * own.
 */
export async function addForeignMappings(
  databaseUrl: string,
  dataDir: string,
  { count, analyze }: { count: number; analyze: boolean },
): Promise<void> {
  const { close } = await createIntegrations({ dataDir, databaseUrl });
  await close();
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    for (let from = 0; from < count; from += AT_ONCE) {
      await insertMappings(client, from, Math.min(count, from + AT_ONCE) - 1);
    }
    // As the database's own maintenance would have done by the time there are so many.
    if (analyze && count > 0) await client.query('ANALYZE integration_mappings');
  } finally {
    await client.end();
  }
}

async function insertMappings(client: pg.Client, from: number, to: number): Promise<void> {
  const uuid = (kind: string, number: string) =>
    `('${kind}0000000-0000-4000-8000-' || lpad(to_hex(${number}), 12, '0'))::uuid`;
  await client.query(
    `INSERT INTO integration_mappings (integration_id, id, entity_type, internal_id, external_id, digest)
     SELECT ${uuid('a', `n / ${EACH}`)}, ${uuid('b', 'n')}, 'STUDENT', ${uuid('c', 'n')}, 'S' || n % ${EACH},
       md5(n::text)::uuid
     FROM generate_series(${from}::bigint, ${to}::bigint) AS n`,
  );
}
