import { create, toBinary } from '@bufbuild/protobuf';
import {
  GetMappingRequestSchema,
  GetMappingsRequestSchema,
} from '../../gen/smartid/integrations/v1/integration_service_pb.js';
import { MappingEntityType } from '../../gen/smartid/integrations/v1/mapping_pb.js';

const SERVICE = '/smartid.integrations.v1.IntegrationService';
export const PAGE = `${SERVICE}/GetMappings`;
export const ONE = `${SERVICE}/GetMapping`;

/** One request, as it goes to our service and to the bare server alike. */
export interface Door {
  name: string;
  protocol: 'http' | 'grpc';
  method: 'GET' | 'POST';
  path: string;
  contentType?: string;
  body?: Buffer | undefined;
}

/** The ways to a page of 100 mappings, and to one of them. */
export function doors(id: string, internalId: string): Door[] {
  const entityType = MappingEntityType.STUDENT;
  const page = create(GetMappingsRequestSchema, { id, entityType, pageSize: 100 });
  const one = create(GetMappingRequestSchema, { id, entityType, internalId });
  const pageBytes = Buffer.from(toBinary(GetMappingsRequestSchema, page));
  const oneBytes = Buffer.from(toBinary(GetMappingRequestSchema, one));
  const json = { contentType: 'application/json', method: 'POST', protocol: 'http' } as const;
  const proto = { contentType: 'application/proto', method: 'POST', protocol: 'http' } as const;
  const grpc = { contentType: 'application/grpc', method: 'POST', protocol: 'grpc' } as const;
  const asJson = (value: object) => Buffer.from(JSON.stringify({ id, entityType: 'STUDENT', ...value }));
  const mappings = `/integrations/${id}/mappings`;
  return [
    { name: 'page, Connect JSON', ...json, path: PAGE, body: asJson({ pageSize: 100 }) },
    { name: 'page, Connect binary', ...proto, path: PAGE, body: pageBytes },
    {
      name: 'page, REST',
      protocol: 'http',
      method: 'GET',
      path: `${mappings}?entityType=STUDENT&pageSize=100`,
    },
    { name: 'page, gRPC', ...grpc, path: PAGE, body: inEnvelope(pageBytes) },
    { name: 'look-up, Connect JSON', ...json, path: ONE, body: asJson({ internalId }) },
    { name: 'look-up, REST', protocol: 'http', method: 'GET', path: `${mappings}/STUDENT/${internalId}` },
    { name: 'look-up, gRPC', ...grpc, path: ONE, body: inEnvelope(oneBytes) },
  ];
}

function inEnvelope(message: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}
