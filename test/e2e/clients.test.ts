import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { create, type DescMethod, fromBinary, type MessageShape, toBinary } from '@bufbuild/protobuf';
import { Code, ConnectError, createClient, type Transport } from '@connectrpc/connect';
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from '@connectrpc/connect-node';
import { Client, credentials, loadPackageDefinition, Metadata } from '@grpc/grpc-js';
import { load } from '@grpc/proto-loader';
import { expect } from 'chai';
import { IntegrationService } from '../../gen/smartid/integrations/v1/integration_service_pb.js';
import { MappingEntityType } from '../../gen/smartid/integrations/v1/mapping_pb.js';
import { sharedService, TOKEN } from '../support/service.js';

const run = promisify(execFile);
const BUF = join(process.cwd(), 'node_modules/.bin/buf');
const ROWS = 2_500;

let integrationId: string;
let school: Promise<void> | undefined;

/**
 * A school with more mappings than one page of the server's reading holds. Made by the first suite that needs
 * it: other tests start without.
 */
function laySchool(): Promise<void> {
  school ??= makeSchool();
  return school;
}

async function makeSchool(): Promise<void> {
  const { url, files } = await sharedService();
  const institutionId = randomUUID();
  await mkdir(join(files, institutionId), { recursive: true });
  const rows = Array.from({ length: ROWS }, (_, i) => `S${i},Ana ${i}`).join('\n');
  await writeFile(join(files, institutionId, 'students.csv'), `id,nombres\n${rows}\n`);
  const client = createClient(
    IntegrationService,
    createConnectTransport({ baseUrl: url, httpVersion: '1.1', interceptors: [bearer] }),
  );
  const { integration } = await client.createIntegration({
    institutionId,
    provider: 'GENERIC_CSV',
    config: { importPath: institutionId },
  });
  integrationId = integration?.id as string;
  const report = await client.syncData({ id: integrationId, entityType: MappingEntityType.STUDENT });
  expect(report.synced).to.equal(ROWS);
}

const bearer: NonNullable<Parameters<typeof createConnectTransport>[0]['interceptors']>[number] =
  (next) => (request) => {
    request.header.set('Authorization', `Bearer ${TOKEN}`);
    return next(request);
  };

describe('@grpc/grpc-js', () => {
  before(laySchool);

  const codec = <M extends DescMethod>(method: M) => ({
    path: `/${method.parent.typeName}/${method.name}`,
    encode: (message: MessageShape<M['input']>) => Buffer.from(toBinary(method.input, message)),
    decode: (bytes: Buffer) => fromBinary(method.output, bytes) as MessageShape<M['output']>,
  });
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${TOKEN}`);

  async function withClient<T>(use: (client: Client) => Promise<T>): Promise<T> {
    const { url } = await sharedService();
    const client = new Client(url.replace('http://', ''), credentials.createInsecure());
    try {
      return await use(client);
    } finally {
      client.close();
    }
  }

  it('calls unary methods', async () => {
    const method = IntegrationService.method.getIntegration;
    const { path, encode, decode } = codec(method);
    const answer = await withClient((client) => {
      return new Promise<MessageShape<typeof method.output>>((resolve, reject) => {
        const request = create(method.input, { id: integrationId });
        client.makeUnaryRequest(path, encode, decode, request, metadata, (error, value) =>
          value ? resolve(value) : reject(error),
        );
      });
    });
    expect(answer.integration?.id).to.equal(integrationId);
  });

  it('reads a stream to its end', async () => {
    const method = IntegrationService.method.streamMappings;
    const { path, encode, decode } = codec(method);
    const ids = await withClient(async (client) => {
      const stream = client.makeServerStreamRequest(
        path,
        encode,
        decode,
        create(method.input, { id: integrationId }),
        metadata,
      );
      const found = new Set<string>();
      for await (const { mapping } of stream as AsyncIterable<MessageShape<typeof method.output>>)
        found.add(mapping?.externalId as string);
      return found;
    });
    expect(ids.size).to.equal(ROWS);
  });

  it('gets errors with their gRPC status', async () => {
    const method = IntegrationService.method.getIntegration;
    const { path, encode, decode } = codec(method);
    const error = await withClient((client) => {
      return new Promise<{ code: number; details: string } | null>((resolve) => {
        client.makeUnaryRequest(
          path,
          encode,
          decode,
          create(method.input, { id: randomUUID() }),
          metadata,
          (failure) => resolve(failure),
        );
      });
    });
    expect(error?.code).to.equal(5);
    expect(error?.details).to.match(/There is no integration/);
  });
});

describe('Connect clients', () => {
  before(laySchool);

  const TRANSPORTS: Record<string, (baseUrl: string) => Transport> = {
    'Connect over HTTP/1.1': (baseUrl) =>
      createConnectTransport({ baseUrl, httpVersion: '1.1', interceptors: [bearer] }),
    'Connect over HTTP/2': (baseUrl) =>
      createConnectTransport({ baseUrl, httpVersion: '2', interceptors: [bearer] }),
    'Connect binary': (baseUrl) =>
      createConnectTransport({ baseUrl, httpVersion: '1.1', useBinaryFormat: true, interceptors: [bearer] }),
    'Connect GET': (baseUrl) =>
      createConnectTransport({ baseUrl, httpVersion: '1.1', useHttpGet: true, interceptors: [bearer] }),
    gRPC: (baseUrl) => createGrpcTransport({ baseUrl, interceptors: [bearer] }),
    'gRPC-Web over HTTP/1.1': (baseUrl) =>
      createGrpcWebTransport({ baseUrl, httpVersion: '1.1', interceptors: [bearer] }),
  };
  for (const [name, transport] of Object.entries(TRANSPORTS)) {
    it(`${name}: unary, streaming, errors`, async () => {
      const { url } = await sharedService();
      const client = createClient(IntegrationService, transport(url));
      const { mappings, nextPageToken } = await client.getMappings({ id: integrationId, pageSize: 2 });
      expect(mappings).to.have.length(2);
      expect(nextPageToken).to.not.equal('');
      let count = 0;
      for await (const _ of client.streamMappings({
        id: integrationId,
        entityType: MappingEntityType.STUDENT,
      }))
        count += 1;
      expect(count).to.equal(ROWS);
      const error = await client
        .getMapping({ id: integrationId, entityType: MappingEntityType.STUDENT })
        .catch((thrown: unknown) => thrown);
      expect(ConnectError.from(error).code).to.equal(Code.InvalidArgument);
      expect(ConnectError.from(error).rawMessage).to.match(/one of internalId, externalId must be set/);
    });
  }
});

describe('buf curl', () => {
  before(laySchool);

  // It speaks by reflection alone: outside of this folder it finds no proto files.
  const curl = async (...args: string[]) => {
    const { url } = await sharedService();
    const path = `${url}/smartid.integrations.v1.IntegrationService/GetIntegration`;
    const { stdout } = await run(
      BUF,
      [
        'curl',
        ...args,
        '-H',
        `Authorization: Bearer ${TOKEN}`,
        '-d',
        JSON.stringify({ id: integrationId }),
        path,
      ],
      { cwd: '/' },
    );
    return JSON.parse(stdout) as { integration: { id: string } };
  };
  for (const protocol of ['grpc', 'grpcweb', 'connect']) {
    it(`with reflection, by ${protocol}`, async () => {
      expect((await curl('--protocol', protocol, '--http2-prior-knowledge')).integration.id).to.equal(
        integrationId,
      );
    });
  }

  it('reflects v1alpha too', async () => {
    const answer = await curl(
      '--protocol',
      'grpc',
      '--http2-prior-knowledge',
      '--reflect-protocol',
      'grpc-v1alpha',
    );
    expect(answer.integration.id).to.equal(integrationId);
  });

  it('asks for health without a token', async () => {
    const { url } = await sharedService();
    const { stdout } = await run(
      BUF,
      ['curl', '--protocol', 'grpc', '--http2-prior-knowledge', `${url}/grpc.health.v1.Health/Check`],
      { cwd: '/' },
    );
    expect(JSON.parse(stdout)).to.deep.equal({ status: 'SERVING' });
  });
});

describe('a stream over REST', () => {
  before(laySchool);

  it('is one JSON array of all rows', async () => {
    const { url } = await sharedService();
    const response = await fetch(`${url}/integrations/${integrationId}/mappings`, {
      headers: { Authorization: `Bearer ${TOKEN}` },
    });
    const rows = (await response.json()) as { externalId: string }[];
    expect(new Set(rows.map(({ externalId }) => externalId)).size).to.equal(ROWS);
  });

  it('is not read further than the caller takes it', async () => {
    const { url } = await sharedService();
    const response = await fetch(`${url}/integrations/${integrationId}/mappings`, {
      headers: { Authorization: `Bearer ${TOKEN}` },
    });
    const reader = response.body?.getReader();
    await reader?.read();
    await reader?.cancel();
    expect((await fetch(`${url}/healthz`)).status).to.equal(200);
  });
});

describe('proto/ as it is in the tree', () => {
  it('is all that proto-loader needs to make a client of gRPC, which then calls', async () => {
    const { url } = await sharedService();
    const folder = join(process.cwd(), 'proto');
    const files = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.proto'));
    expect(files).to.include('buf/validate/validate.proto');
    const definition = await load(files, { includeDirs: [folder], enums: String });
    const packages = loadPackageDefinition(definition) as unknown as {
      smartid: { integrations: { v1: { IntegrationService: new (...given: unknown[]) => ListsProviders } } };
    };
    const client = new packages.smartid.integrations.v1.IntegrationService(
      new URL(url).host,
      credentials.createInsecure(),
    );
    const metadata = new Metadata();
    metadata.set('authorization', `Bearer ${TOKEN}`);
    const { providers } = await new Promise<ProvidersAnswer>((resolve, reject) => {
      client.ListProviders({}, metadata, (error, answer) => (answer ? resolve(answer) : reject(error)));
    });
    client.close();
    expect(providers.find(({ provider }) => provider === 'MOODLE')).to.deep.include({
      provider: 'MOODLE',
      sendsAttendance: true,
    });
  });
});

interface ProvidersAnswer {
  providers: { provider: string; sendsAttendance: boolean }[];
}

/** What proto-loader makes of the service, as far as it is called here. */
interface ListsProviders extends Client {
  ListProviders(
    request: object,
    metadata: Metadata,
    done: (error: Error | null, answer?: ProvidersAnswer) => void,
  ): void;
}
