import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import pg from 'pg';
import { GetMappingsResponseSchema } from '../../gen/smartid/integrations/v1/integration_service_pb.js';
import { Mapping_Status, MappingEntityType } from '../../gen/smartid/integrations/v1/mapping_pb.js';
import { MAPPING_COLUMNS } from '../../src/database/index.js';

/**
 * What one would write who wants nothing but speed: the same query, and no check, no token, no log.
 * Arguments: database, integration. Tells its parent `{ http, grpc }`, the two ports.
 */
const [databaseUrl = '', integrationId = ''] = process.argv.slice(2);
const pool = new pg.Pool({ connectionString: databaseUrl, max: 10 });
const SQL = `SELECT ${MAPPING_COLUMNS} FROM integration_mappings m WHERE integration_id = $1 AND entity_type = 'STUDENT'
  ORDER BY entity_type, external_id LIMIT 101`;

const http = createServer(async (request, response) => {
  request.resume();
  const { rows } = await pool.query(SQL, [integrationId]);
  response.setHeader('Content-Type', 'application/json');
  response.end(JSON.stringify({ mappings: rows.slice(0, 100), nextPageToken: rows[99].externalId }));
});
await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));

const grpc = new Server();
const bytes = (value: Buffer) => value;
const path = '/smartid.integrations.v1.IntegrationService/GetMappings';
grpc.addService(
  {
    getMappings: {
      path,
      requestStream: false,
      responseStream: false,
      requestSerialize: bytes,
      requestDeserialize: bytes,
      responseSerialize: bytes,
      responseDeserialize: bytes,
    },
  },
  {
    getMappings: (_call: unknown, callback: (error: null, value: Buffer) => void) => {
      void pool.query(SQL, [integrationId]).then(({ rows }) => {
        const mappings = rows.slice(0, 100).map((row) => ({
          ...row,
          entityType: MappingEntityType.STUDENT,
          status: Mapping_Status.ACTIVE,
          createdAt: timestampFromDate(row.createdAt),
          updatedAt: timestampFromDate(row.updatedAt),
        }));
        const message = create(GetMappingsResponseSchema, { mappings, nextPageToken: rows[99].externalId });
        callback(null, Buffer.from(toBinary(GetMappingsResponseSchema, message)));
      });
    },
  },
);
const grpcPort = await new Promise<number>((resolve, reject) => {
  grpc.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
    error ? reject(error) : resolve(port),
  );
});
process.send?.({ http: (http.address() as AddressInfo).port, grpc: grpcPort });
