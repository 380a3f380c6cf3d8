import { type ChildProcess, fork, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { create, toBinary } from '@bufbuild/protobuf';
import pg from 'pg';
import { StreamMappingsRequestSchema } from '../gen/smartid/integrations/v1/integration_service_pb.js';
import { MappingEntityType } from '../gen/smartid/integrations/v1/mapping_pb.js';
import { MAPPING_COLUMNS } from '../src/database/index.js';
import type { Drained, Stream } from './streams/drain.js';
import { growthOf } from './streams/resident-memory.js';
import { type BenchService, withService } from './with-service.js';

const { values: options } = parseArgs({
  options: {
    rows: { type: 'string', default: '1000000' },
    repeat: { type: 'string', default: '3' },
    json: { type: 'boolean', default: false },
  },
});
const server = process.env.TEST_DATABASE_URL;
if (!server) {
  console.error('TEST_DATABASE_URL must name a PostgreSQL on which a database may be made and dropped.');
  process.exit(1);
}
const rows = Number(options.rows);
/** Pages of 1,000 rows before what counts: memory is that of a service that has worked. */
const WARM_UP = 50;

/**
 * npm run bench:streams -- --rows 1000000 [--json]: all mappings of an integration over REST and gRPC, against
 * psql that copies the same rows into a socket.
 */
async function main(service: BenchService): Promise<void> {
  const id = await fill(service);
  const drain = fork(fileURLToPath(new URL('./streams/drain.js', import.meta.url)));
  try {
    const [{ port }] = (await once(drain, 'message')) as [{ port: number }];
    const ours = { port: Number(new URL(service.url).port), token: service.token };
    const list = `/integrations/${id}/mappings?entityType=STUDENT`;
    const streams = {
      rest: { kind: 'rest', ...ours, path: list, body: '' },
      grpc: { kind: 'grpc', ...ours, path: STREAM, body: requestFor(id) },
    } as const;
    const page: Stream = { ...streams.rest, path: `${list}&pageSize=1000` };
    for (let i = 0; i < WARM_UP; i++) await drained(drain, page);
    const seen: Record<string, { seconds: number; grown: number }[]> = { psql: [], rest: [], grpc: [] };
    for (let i = 0; i < Number(options.repeat); i++) {
      seen.psql?.push({ ...(await copied(drain, service, id, port)), grown: 0 });
      for (const [name, stream] of Object.entries(streams)) {
        const { result, grown } = await growthOf(service.pid, () => drained(drain, stream));
        seen[name]?.push({ ...result, grown });
      }
    }
    print(seen);
  } finally {
    drain.kill();
  }
}

const STREAM = '/smartid.integrations.v1.IntegrationService/StreamMappings';

function requestFor(id: string): string {
  const request = create(StreamMappingsRequestSchema, { id, entityType: MappingEntityType.STUDENT });
  const message = toBinary(StreamMappingsRequestSchema, request);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]).toString('base64');
}

/** An integration with so many mappings, written by SQL; returns its id. */
async function fill({ url, token, databaseUrl }: BenchService): Promise<string> {
  const response = await fetch(`${url}/integrations`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({
      institutionId: randomUUID(),
      provider: 'GENERIC_CSV',
      config: { importPath: '.' },
    }),
  });
  if (!response.ok) throw new Error(await response.text());
  const { id } = (await response.json()) as { id: string };
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  await client.query(
    `INSERT INTO integration_mappings (integration_id, entity_type, internal_id, external_id)
      SELECT $1, 'STUDENT', gen_random_uuid(), 'S' || n FROM generate_series(1, $2::int) n`,
    [id, rows],
  );
  await client.query('VACUUM ANALYZE integration_mappings');
  await client.end();
  return id;
}

async function drained(drain: ChildProcess, stream: Stream): Promise<Drained> {
  const answered = once(drain, 'message');
  drain.send(stream);
  const [{ error, ...result }] = (await answered) as [Drained & { error?: string }];
  if (error) throw new Error(`${stream.kind}: ${error}`);
  return result;
}

/** By psql, with a socket in the place of its output. */
async function copied(
  drain: ChildProcess,
  service: BenchService,
  id: string,
  port: number,
): Promise<Drained> {
  const result = drained(drain, { kind: 'socket', port, path: '', token: '', body: '' });
  const socket = net.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  const sql = `\\copy (SELECT ${MAPPING_COLUMNS} FROM integration_mappings m WHERE integration_id = '${id}' AND entity_type = 'STUDENT' ORDER BY entity_type, external_id) TO STDOUT`;
  const args = ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-c', sql.replace(/\n\s*/g, ' '), service.databaseUrl];
  const psql = spawn('psql', args, { stdio: ['ignore', socket, 'inherit'] });
  const [code] = (await once(psql, 'exit')) as [number];
  socket.destroy();
  if (code !== 0) throw new Error(`psql ended with ${code}`);
  return result;
}

function print(seen: Record<string, { seconds: number; grown: number }[]>): void {
  const median = (list: number[]) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)] as number;
  const rates = Object.entries(seen).map(([name, list]) => ({
    name,
    rowsPerSecond: Math.round(rows / median(list.map(({ seconds }) => seconds))),
    grownMb: Math.max(...list.map(({ grown }) => grown)),
  }));
  const psql = rates.find(({ name }) => name === 'psql')?.rowsPerSecond ?? Number.NaN;
  const result = rates.map((rate) => ({
    ...rate,
    ratio: Math.round((rate.rowsPerSecond * 100) / psql) / 100,
  }));
  if (options.json) console.log(JSON.stringify({ rows, streams: result }));
  else {
    console.log(`\n${rows} mappings as a stream, and our share of what psql copies into a socket:`);
    console.table(result);
  }
}

await withService(server, main);
