import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js';
import pg from 'pg';
import {
  GetMappingResponseSchema,
  GetMappingsResponseSchema,
} from '../../gen/smartid/integrations/v1/integration_service_pb.js';
import { Mapping_Status, MappingEntityType } from '../../gen/smartid/integrations/v1/mapping_pb.js';
import { MAPPING_COLUMNS } from '../../src/database/index.js';
import { ONE, PAGE } from './doors.js';

/**
 * What one would write who wants nothing but speed: the same queries, and no check, no token, no log.
 * Arguments: database, integration, internal id. Tells its parent `{ http, grpc }`, the two ports.
 */
const [databaseUrl = '', integrationId = '', internalId = ''] = process.argv.slice(2);
const pool = new pg.Pool({ connectionString: databaseUrl, max: 10 });
const FROM = `SELECT ${MAPPING_COLUMNS} FROM integration_mappings m WHERE integration_id = $1 AND entity_type = 'STUDENT'`;
const PAGE_SQL = `${FROM} ORDER BY entity_type, external_id LIMIT 101`;
const ONE_SQL = `${FROM} AND internal_id = $2`;

const page = async () => (await pool.query(PAGE_SQL, [integrationId])).rows;
const one = async () => (await pool.query(ONE_SQL, [integrationId, internalId])).rows[0];
type Row = Awaited<ReturnType<typeof one>>;

const toMessage = (row: Row) => ({
  ...row,
  entityType: MappingEntityType.STUDENT,
  status: Mapping_Status.ACTIVE,
  createdAt: timestampFromDate(row.createdAt),
  updatedAt: timestampFromDate(row.updatedAt),
});
const pageBytes = (rows: Row[]) => {
  const mappings = rows.slice(0, 100).map(toMessage);
  const message = create(GetMappingsResponseSchema, { mappings, nextPageToken: rows[99].externalId });
  return Buffer.from(toBinary(GetMappingsResponseSchema, message));
};
const oneBytes = (row: Row) =>
  Buffer.from(
    toBinary(GetMappingResponseSchema, create(GetMappingResponseSchema, { mapping: toMessage(row) })),
  );

const http = createServer(async (request, response) => {
  request.resume();
  const isBinary = request.headers['content-type'] === 'application/proto';
  response.setHeader('Content-Type', isBinary ? 'application/proto' : 'application/json');
  response.end(isBinary ? pageBytes(await page()) : JSON.stringify(await jsonOf(request.url ?? '')));
});

async function jsonOf(url: string): Promise<object> {
  if (url === ONE) return { mapping: await one() };
  if (url.includes('/STUDENT/')) return one();
  const rows = await page();
  const mappings = rows.slice(0, 100);
  return url === PAGE ? { mappings, nextPageToken: rows[99].externalId } : mappings;
}
await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));

const grpc = new Server();
const bytes = (value: Buffer) => value;
const rpc = (path: string) => ({
  path,
  requestStream: false as const,
  responseStream: false as const,
  requestSerialize: bytes,
  requestDeserialize: bytes,
  responseSerialize: bytes,
  responseDeserialize: bytes,
});
const answering =
  (make: () => Promise<Buffer>) => (_: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) => {
    make().then((value) => callback(null, value), callback);
  };
grpc.addService(
  { getMappings: rpc(PAGE), getMapping: rpc(ONE) },
  {
    getMappings: answering(async () => pageBytes(await page())),
    getMapping: answering(async () => oneBytes(await one())),
  },
);
const grpcPort = await new Promise<number>((resolve, reject) => {
  grpc.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
    error ? reject(error) : resolve(port),
  );
});
process.send?.({ http: (http.address() as AddressInfo).port, grpc: grpcPort });
