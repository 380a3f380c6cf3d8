import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { rest, startService, type TestService } from '../support/service.js';
import { tempFolder } from '../support/temp-folder.js';

/** Step 1: the class that the documentation shows, with the six methods and nothing more. */
const CONNECTOR = `
import type { SISConnector, SyncResult, SendResult } from './sis-connector.js';

export class NewProviderConnector implements SISConnector {
  private config: any;
  private credentials: any;
  private connected: boolean = false;

  async connect(config: any, credentials: any): Promise<boolean> {
    this.config = config;
    this.credentials = credentials;
    this.connected = credentials.apiKey === 'open sesame';
    return this.connected;
  }

  async testConnection(): Promise<boolean> {
    return this.connected;
  }

  async syncStudents(institutionId: string): Promise<SyncResult> {
    if (this.config.broken) throw new Error('the school is closed; key ' + this.credentials.apiKey);
    return {
      success: true,
      synced: 2,
      errors: [],
      mappings: this.config.students.map((internalId: string, i: number) => {
        return { entityType: 'STUDENT', internalId, externalId: 'S' + i, metadata: { institutionId } };
      }),
    };
  }

  async syncCourses(institutionId: string): Promise<SyncResult> {
    return { success: true, synced: 0, errors: [], mappings: [] };
  }

  async sendAttendance(sessionId: string): Promise<SendResult> {
    return { success: true, sent: 1, errors: [] };
  }

  async disconnect(): Promise<void> {
    this.connected = false;
  }
}
`;

const FILES = ['package.json', 'tsconfig.json'];

/** A copy of the sources with the three documented steps done, compiled. */
async function buildWithNewProvider(): Promise<string> {
  const root = process.cwd();
  const folder = await tempFolder();
  for (const name of ['src', 'gen', 'clients/typescript/src', 'clients/typescript/gen', ...FILES])
    await cp(join(root, name), join(folder, name), { recursive: true });
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  const connectors = join(folder, 'src/connectors');
  await writeFile(join(connectors, 'new-provider.connector.ts'), CONNECTOR);
  await insert(
    join(connectors, 'integration-provider.ts'),
    "  GENERIC_CSV = 'GENERIC_CSV',\n",
    "  NEW_PROVIDER = 'NEW_PROVIDER',\n",
  );
  const factory = join(connectors, 'connector-factory.ts');
  await insert(
    factory,
    '  [IntegrationProvider.GENERIC_CSV]: genericCsv,\n',
    '  [IntegrationProvider.NEW_PROVIDER]: NewProviderConnector,\n',
  );
  await insert(
    factory,
    "import { IntegrationProvider } from './integration-provider.js';\n",
    "import { NewProviderConnector } from './new-provider.connector.js';\n",
  );
  execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder], {
    stdio: 'pipe',
  });
  return join(folder, 'dist/src/main.js');
}

async function insert(path: string, after: string, line: string): Promise<void> {
  const text = await readFile(path, 'utf8');
  expect(text).to.contain(after);
  await writeFile(path, text.replace(after, after + line));
}

describe('a new connector by the three documented steps', () => {
  it('can be created, tested, synced and sent to; its mappings are stored', async () => {
    const service = await startService({ main: await buildWithNewProvider() });
    const { url, log } = service;
    const { institutionId, students, sessionId } = await rosterWithSession(service);
    const create = (config: object, apiKey: string) => {
      return rest(url, 'POST', '/integrations', {
        institutionId,
        provider: 'NEW_PROVIDER',
        config,
        credentials: { apiKey },
      });
    };
    const created = await create({ students }, 'open sesame');
    expect(created.status).to.equal(201);
    expect(created.body.credentialFields).to.deep.equal(['apiKey']);
    const path = `/integrations/${created.body.id}`;
    expect((await rest(url, 'POST', `${path}/test`)).body).to.deep.equal({
      success: true,
      message: 'Connection successful',
      checks: [],
    });

    const synced = await rest(url, 'POST', `${path}/sync`, { entityType: 'STUDENT' });
    expect(synced.body).to.deep.include({ success: true, synced: 2, errors: [] });
    expect(synced.body.mappings.map((m: { externalId: string }) => m.externalId)).to.deep.equal(['S0', 'S1']);
    const mapping = (await rest(url, 'GET', `${path}/mappings/STUDENT/${students[1]}`)).body;
    expect(mapping).to.deep.include({ externalId: 'S1', metadata: { institutionId } });
    expect((await rest(url, 'GET', `${path}/mappings/STUDENT/external/S1`)).body).to.deep.equal(mapping);
    const again = await rest(url, 'POST', `${path}/sync`, { entityType: 'STUDENT' });
    expect(again.body.counts).to.deep.include({ created: 0, updated: 0, unchanged: 2 });
    expect((await rest(url, 'POST', `${path}/sync`, { entityType: 'COURSE' })).body).to.deep.include({
      success: true,
      synced: 0,
    });

    const sent = await rest(url, 'POST', `${path}/send-attendance`, { sessionId });
    expect(sent.body).to.deep.include({ success: true, sent: 1, errors: [] });

    for (const entityType of ['GROUP', 'TEACHER']) {
      const { status, body } = await rest(url, 'POST', `${path}/sync`, { entityType });
      expect([status, body.code]).to.deep.equal([501, 'unimplemented']);
      expect(body.message).to.equal(`NEW_PROVIDER does not sync ${entityType}; it syncs COURSE, STUDENT.`);
    }

    const refused = await create({ students }, 'wrong key');
    const test = await rest(url, 'POST', `/integrations/${refused.body.id}/test`);
    expect(test.body).to.deep.include({
      success: false,
      message: 'The school system refused the connection.',
    });

    const broken = await create({ students, broken: true }, 'open sesame');
    const failed = await rest(url, 'POST', `/integrations/${broken.body.id}/sync`, { entityType: 'STUDENT' });
    expect(failed.body).to.deep.include({ success: false, errors: ['the school is closed; key ***'] });
    expect((await rest(url, 'GET', `/integrations/${broken.body.id}`)).body).to.deep.include({
      status: 'ERROR',
      lastError: 'the school is closed; key ***',
    });
    expect(log.join('\n')).to.not.contain('open sesame');
  });
});

/**
 * Students who are in the roster already, by way of files, and a lesson with attendance: what a new connector
 * meets.
 */
async function rosterWithSession({ url, files }: TestService) {
  const institutionId = randomUUID();
  await mkdir(join(files, institutionId), { recursive: true });
  await writeFile(join(files, institutionId, 'groups.csv'), 'id,nombre\nG1,1A\n');
  await writeFile(join(files, institutionId, 'students.csv'), 'id,nombres,grupo\n1,Ana,G1\n2,Eva,G1\n');
  const config = { importPath: institutionId };
  const { body: csv } = await rest(url, 'POST', '/integrations', {
    institutionId,
    provider: 'GENERIC_CSV',
    config,
  });
  for (const entityType of ['GROUP', 'STUDENT'])
    await rest(url, 'POST', `/integrations/${csv.id}/sync`, { entityType });
  const [group] = (await rest(url, 'GET', `/institutions/${institutionId}/groups`)).body;
  const students: string[] = (await rest(url, 'GET', `/institutions/${institutionId}/students`)).body.map(
    ({ id }: { id: string }) => id,
  );
  const sessionId = randomUUID();
  const path = `/institutions/${institutionId}/class-sessions/${sessionId}`;
  await rest(url, 'PUT', path, {
    groupId: group.id,
    startsAt: '2026-03-02T11:00:00Z',
    endsAt: '2026-03-02T12:00:00Z',
  });
  const records = students.map((studentId) => ({ studentId, status: 'PRESENT' }));
  expect((await rest(url, 'POST', `${path}/attendance`, { records })).body.created).to.equal(2);
  return { institutionId, students, sessionId };
}
