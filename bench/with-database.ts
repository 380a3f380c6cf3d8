import pg from 'pg';

/** Does something on a new database of a server, and drops it. `suffix`: of its name, where there are several. */
export async function withDatabase<T>(
  server: string,
  use: (url: string) => Promise<T>,
  suffix = '',
): Promise<T> {
  const name = `bench_${process.pid}${suffix}`;
  const client = new pg.Client({ connectionString: server });
  await client.connect();
  try {
    await client.query(`CREATE DATABASE ${name}`);
    const url = new URL(server);
    url.pathname = `/${name}`;
    return await use(url.href);
  } finally {
    await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    await client.end();
  }
}
