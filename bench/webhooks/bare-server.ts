import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import pg from 'pg';

/**
 * What one would write who wants nothing but speed: the body goes into a row, and no signature is looked at. Argument:
 * the database. Tells its parent its port.
 */
const [databaseUrl = ''] = process.argv.slice(2);
const pool = new pg.Pool({ connectionString: databaseUrl, max: 16 });
await pool.query(
  'CREATE TABLE bare_webhooks (id text PRIMARY KEY, body bytea NOT NULL, at timestamptz DEFAULT now())',
);

const server = createServer(async (request, response) => {
  const body = await buffer(request);
  await pool.query('INSERT INTO bare_webhooks (id, body) VALUES ($1, $2)', [
    request.headers['webhook-id'],
    body,
  ]);
  response.writeHead(202, { 'Content-Type': 'application/json' }).end('{}');
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
process.send?.({ port: (server.address() as AddressInfo).port });
