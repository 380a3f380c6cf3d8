import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { acme } from '../examples/acme/acme-connector.js';
import { AcmeSystem } from '../examples/acme/acme-system.js';
import {
  createIntegrations,
  type Integrations,
  type IntegrationsOptions,
  MappingEntityType,
} from '../src/index.js';
import { freshDatabaseUrl } from './support/database.js';
import { layEmbeddedDatabase } from './support/embedded-template.js';
import { type Listening, listenOn } from './support/listen.js';
import { tempFolder } from './support/temp-folder.js';

describe('the library', () => {
  let dataDir: string;
  let integrations: Integrations;
  let school: Listening;
  const system = new AcmeSystem();

  before(async () => {
    dataDir = await tempFolder();
    const databaseUrl = await freshDatabaseUrl();
    if (!databaseUrl) await layEmbeddedDatabase(dataDir);
    // The environment is no option: a variable of the service must change nothing here.
    process.env.CSV_ROOT = '/nowhere';
    integrations = await createIntegrations({ dataDir, databaseUrl, connectors: [acme], logLevel: 'silent' });
    school = await listenOn(system.handle);
  });
  after(async () => {
    delete process.env.CSV_ROOT;
    await school?.close();
    await integrations?.close();
  });

  it('syncs a school by a connector that the caller brings', async () => {
    const { integrationService, rosterService, connectorFactory } = integrations;
    expect(connectorFactory.list().map(({ provider }) => provider)).to.include.members(['ACME', 'MOODLE']);
    const institutionId = randomUUID();
    const { id } = await integrationService.createIntegration({
      institutionId,
      provider: 'ACME',
      config: { apiUrl: school.url },
      credentials: { apiKey: system.apiKey },
    });
    expect(await integrationService.testConnection(id)).to.deep.include({ success: true });
    const report = await integrationService.syncData(id, MappingEntityType.STUDENT);
    expect(report).to.deep.include({ success: true, synced: 23, errors: [] });
    expect((await rosterService.listStudents({ institutionId, pageSize: 100 })).items).to.have.length(23);
  });

  it('keeps files under its dataDir, whatever the environment says', async () => {
    const { integrationService } = integrations;
    await mkdir(join(dataDir, 'files/school'), { recursive: true });
    await writeFile(join(dataDir, 'files/school/students.csv'), 'id,nombres\n1,Ana\n');
    const { id } = await integrationService.createIntegration({
      institutionId: randomUUID(),
      provider: 'GENERIC_CSV',
      config: { importPath: 'school' },
    });
    expect((await integrationService.syncData(id, MappingEntityType.STUDENT)).synced).to.equal(1);
  });

  it('hands out its services and nothing of what is behind them', async () => {
    expect(Object.keys(integrations).sort()).to.deep.equal([
      'close',
      'connectorFactory',
      'credentialKeys',
      'eventService',
      'integrationService',
      'mappingService',
      'ready',
      'rosterService',
      'webhookService',
    ]);
    expect(await integrations.ready()).to.equal(true);
  });

  it('names each option that cannot be, and one that it does not know', async () => {
    const wrong = {
      databaseUrl: 'mysql://school',
      credentialKeys: 'k1:short',
      outboundAllow: ['10.0.0.0/99'],
      logLevel: 'loud',
      connectors: [{ ...acme, provider: 'acme' }],
      dataDirectory: './data',
    } as unknown as IntegrationsOptions;
    const error = await createIntegrations(wrong).catch((reason: Error) => reason);
    expect(error).to.have.property('name', 'ConfigError');
    const { message } = error as Error;
    for (const name of [
      'databaseUrl',
      'credentialKeys',
      'outboundAllow.0',
      'logLevel',
      'connectors.0.provider',
      'dataDirectory',
    ]) {
      expect(message).to.match(new RegExp(`^${name} .*\\.$`, 'm'));
    }
    expect(message).not.to.contain('short');
  });

  it('refuses a second connector under the name of a built-in one, before it opens a database', async () => {
    const twice = createIntegrations({ dataDir: '/nowhere', connectors: [{ ...acme, provider: 'MOODLE' }] });
    expect(await twice.catch((error: Error) => error.message)).to.equal(
      'there is a connector for MOODLE already',
    );
  });
});

describe('the package', () => {
  it('offers the library, what connectors are made of, and the kit that tests them', async () => {
    const [library, connectors, testkit] = await Promise.all(
      ['smartid-integrations', 'smartid-integrations/connectors', 'smartid-integrations/testkit'].map(
        (name) => import(name),
      ),
    );
    expect(library).to.include.keys(
      'createIntegrations',
      'IntegrationProvider',
      'MappingEntityType',
      'RosterConnector',
    );
    expect(library.createIntegrations).to.equal(createIntegrations);
    expect(connectors).to.include.keys(
      'RosterConnector',
      'ConnectorError',
      'webAddress',
      'MappingEntityType',
    );
    expect(connectors).not.to.have.any.keys('Outbound', 'ConnectorFactory');
    expect(testkit).to.have.all.keys('conformanceCases', 'VolatileMemory');
  });

  it('keeps its other files to itself', async () => {
    for (const path of ['dist/src/app.js', 'dist/src/database/index.js', 'src/index.ts']) {
      const error = await import(`smartid-integrations/${path}`).catch((reason: { code?: string }) => reason);
      expect(error).to.have.property('code', 'ERR_PACKAGE_PATH_NOT_EXPORTED');
    }
  });
});
