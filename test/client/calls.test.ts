import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  Code,
  ConnectError,
  createIntegrationsClient,
  ErrorInfoSchema,
  type IntegrationsClient,
  MappingEntityType,
} from '@smartid/integrations-client';
import { createIntegrationsClient as createBrowserClient } from '@smartid/integrations-client/browser';
import { expect } from 'chai';
import { sharedService, TOKEN } from '../support/service.js';

const PEOPLE = 25;

const CLIENTS: Record<string, (baseUrl: string, token: string) => IntegrationsClient> = {
  'Connect in Node': (baseUrl, token) => createIntegrationsClient({ baseUrl, token }),
  gRPC: (baseUrl, token) => createIntegrationsClient({ baseUrl, token, protocol: 'grpc' }),
  'gRPC-Web in Node': (baseUrl, token) => createIntegrationsClient({ baseUrl, token, protocol: 'grpc-web' }),
  'Connect by fetch': (baseUrl, token) => createBrowserClient({ baseUrl, token }),
  'gRPC-Web by fetch': (baseUrl, token) => createBrowserClient({ baseUrl, token, protocol: 'grpc-web' }),
};

describe('the typed client', () => {
  let school: { institutionId: string; integrationId: string };

  before(async () => {
    const { url, files } = await sharedService();
    const institutionId = randomUUID();
    await mkdir(join(files, institutionId), { recursive: true });
    const rows = Array.from({ length: PEOPLE }, (_, i) => `S${i},Ana ${i}`).join('\n');
    await writeFile(join(files, institutionId, 'students.csv'), `id,nombres\n${rows}\n`);
    const client = createIntegrationsClient({ baseUrl: url, token: TOKEN });
    const { integration } = await client.createIntegration({
      institutionId,
      provider: 'GENERIC_CSV',
      config: { importPath: institutionId },
    });
    school = { institutionId, integrationId: integration?.id as string };
    const { synced } = await client.syncData({
      id: school.integrationId,
      entityType: MappingEntityType.STUDENT,
    });
    expect(synced).to.equal(PEOPLE);
  });

  for (const [name, make] of Object.entries(CLIENTS)) {
    it(`by ${name}: calls, lists over all pages, reads streams, and throws what the service says`, async () => {
      const { url } = await sharedService();
      const client = make(url, TOKEN);
      const { integration } = await client.getIntegration({ id: school.integrationId });
      expect(integration?.institutionId).to.equal(school.institutionId);

      const names = new Set<string>();
      for await (const { givenName } of client.each.listStudents({
        institutionId: school.institutionId,
        pageSize: 10,
      }))
        names.add(givenName);
      expect(names.size).to.equal(PEOPLE);

      const sizes: number[] = [];
      for await (const { mappings } of client.pages.listMappings({ id: school.integrationId, pageSize: 10 }))
        sizes.push(mappings.length);
      expect(sizes).to.deep.equal([10, 10, 5]);

      let streamed = 0;
      for await (const { mapping } of client.streamMappings({ id: school.integrationId }))
        streamed += mapping ? 1 : 0;
      expect(streamed).to.equal(PEOPLE);

      const error = await client.getIntegration({ id: randomUUID() }).catch(ConnectError.from);
      expect(error).to.be.instanceOf(ConnectError);
      expect((error as ConnectError).code).to.equal(Code.NotFound);
      expect((error as ConnectError).findDetails(ErrorInfoSchema)[0]?.reason).to.equal(
        'INTEGRATION_NOT_FOUND',
      );
      const stranger = await make(url, `${TOKEN}x`).listKeys({}).catch(ConnectError.from);
      expect((stranger as ConnectError).findDetails(ErrorInfoSchema)[0]?.reason).to.equal('TOKEN_UNKNOWN');
    });
  }

  it('ends a list that grows for ever where there is nothing more yet', async () => {
    const { url } = await sharedService();
    const client = createIntegrationsClient({ baseUrl: url, token: TOKEN });
    let changes = 0;
    for await (const _ of client.each.listRosterChanges({
      institutionId: school.institutionId,
      pageSize: 10,
    }))
      changes += 1;
    expect(changes).to.equal(PEOPLE);
  });
});
