import http from 'node:http';
import { create, toBinary } from '@bufbuild/protobuf';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { GetMappingsRequestSchema } from '../../gen/smartid/integrations/v1/integration_service_pb.js';
import { MappingEntityType } from '../../gen/smartid/integrations/v1/mapping_pb.js';

const METHOD = '/smartid.integrations.v1.IntegrationService/GetMappings';
const PAGE = 100;

export interface Target {
  host: string;
  port: number;
  token: string;
  integrationId: string;
}

/** Calls a second, of several clients at once that each wait for their answer, for so many seconds. */
async function measure(
  call: () => Promise<void>,
  { clients, seconds }: { clients: number; seconds: number },
): Promise<number> {
  // What is measured is a server that is warm.
  for (let i = 0; i < 200; i++) await call();
  const end = performance.now() + seconds * 1_000;
  let calls = 0;
  const start = performance.now();
  await Promise.all(
    Array.from({ length: clients }, async () => {
      while (performance.now() < end) {
        await call();
        calls += 1;
      }
    }),
  );
  return (calls * 1_000) / (performance.now() - start);
}

/** A page of 100 mappings by Connect JSON, over connections that are kept. */
export async function connectJson(
  { host, port, token, integrationId }: Target,
  load: { clients: number; seconds: number },
) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: load.clients });
  const body = JSON.stringify({ id: integrationId, entityType: 'STUDENT', pageSize: PAGE });
  const headers = {
    'Content-Type': 'application/json',
    Authorization: `Bearer ${token}`,
    'Content-Length': body.length,
  };
  const call = () =>
    new Promise<void>((resolve, reject) => {
      const request = http.request(
        { host, port, path: METHOD, method: 'POST', agent, headers },
        (response) => {
          if (response.statusCode !== 200) reject(new Error(`status ${response.statusCode}`));
          response.resume().once('end', resolve);
        },
      );
      request.once('error', reject).end(body);
    });
  try {
    return await measure(call, load);
  } finally {
    agent.destroy();
  }
}

/** The same by gRPC, with grpc-js; the answer is not decoded, on either side of the comparison. */
export async function grpc(
  { host, port, token, integrationId }: Target,
  load: { clients: number; seconds: number },
) {
  const client = new Client(`${host}:${port}`, credentials.createInsecure());
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${token}`);
  const request = create(GetMappingsRequestSchema, {
    id: integrationId,
    entityType: MappingEntityType.STUDENT,
    pageSize: PAGE,
  });
  const body = Buffer.from(toBinary(GetMappingsRequestSchema, request));
  const bytes = (value: Buffer) => value;
  const call = () =>
    new Promise<void>((resolve, reject) => {
      client.makeUnaryRequest(METHOD, bytes, bytes, body, metadata, (error) =>
        error ? reject(error) : resolve(),
      );
    });
  try {
    return await measure(call, load);
  } finally {
    client.close();
  }
}
