import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { freshDatabaseUrl, testDatabaseUrl } from '../support/database.js';
import { layEmbeddedDatabase } from '../support/embedded-template.js';
import { gate } from '../support/gate.js';
import { IdukayGateway, makeIdukaySchool } from '../support/idukay/index.js';
import { listenOn } from '../support/listen.js';
import { rest, sharedService, startService, TOKEN } from '../support/service.js';
import { tempFolder } from '../support/temp-folder.js';
import { until } from '../support/until.js';

/** So many that a sync of them is under way for a while. */
const ROWS = 5_000;
const MAIN = join(dirname(fileURLToPath(import.meta.url)), '../../src/main.js');

/** Starts the service expecting that it does not; returns what it says. */
function refusedStart(env: Record<string, string>): string {
  const { status, stderr } = spawnSync(process.execPath, [MAIN], {
    env: { PATH: process.env.PATH, PORT: '0', ...env },
    encoding: 'utf8',
  });
  expect(status).to.equal(1);
  return stderr;
}

async function connect(url: string, files: string, csv: Record<string, string>) {
  const institutionId = randomUUID();
  await mkdir(join(files, institutionId), { recursive: true });
  for (const [name, text] of Object.entries(csv)) await writeFile(join(files, institutionId, name), text);
  const { body } = await rest(url, 'POST', '/integrations', {
    institutionId,
    provider: 'GENERIC_CSV',
    config: { importPath: institutionId },
  });
  return { id: body.id as string, institutionId };
}

/** Waits until a run of the integration is known; returns its id. */
async function begunRun(url: string, integrationId: string): Promise<string> {
  let run: { id: string; status: string } | undefined;
  await until(async () => {
    [run] = (await rest(url, 'GET', `/integrations/${integrationId}/runs`)).body;
    return run !== undefined && run.status !== 'QUEUED';
  });
  return run?.id as string;
}

describe('the process', () => {
  it('does not start in production without its secrets, and says how to make them', async () => {
    const said = refusedStart({ NODE_ENV: 'production', DATA_DIR: await tempFolder() });
    expect(said)
      .to.match(/ADMIN_TOKEN must be set in production; openssl rand/)
      .and.match(/CREDENTIAL_KEYS must be set in production/);
    expect(said).to.not.match(/\n\s+at /);
  });

  it('makes a token on its first start, shows it once with commands, and takes it', async () => {
    const dataDir = await tempFolder();
    await layEmbeddedDatabase(dataDir);
    const first = await startService({ dataDir, env: { ADMIN_TOKEN: undefined } });
    const token = (await readFile(join(dataDir, 'admin-token'), 'utf8')).trim();
    const answer = await fetch(`${first.url}/providers`, { headers: { authorization: `Bearer ${token}` } });
    expect(answer.status).to.equal(200);
    expect(first.log.join('\n')).to.contain(
      `curl -H 'Authorization: Bearer ${token}' ${first.url}/providers`,
    );
    expect(await first.stop()).to.equal(0);
    const second = await startService({ dataDir, env: { ADMIN_TOKEN: undefined } });
    expect(second.log.join('\n')).to.not.contain(token);
    expect(
      (await fetch(`${second.url}/providers`, { headers: { authorization: `Bearer ${token}` } })).status,
    ).to.equal(200);
    await second.stop();
  });

  it('refuses a data directory that another process works in, and says which', async () => {
    const service = await (testDatabaseUrl ? startService({ env: { DATABASE_URL: '' } }) : sharedService());
    expect(refusedStart({ DATA_DIR: service.dataDir, ADMIN_TOKEN: TOKEN })).to.match(
      new RegExp(`in use by process ${service.process.pid}`),
    );
    expect((await fetch(`${service.url}/readyz`)).status).to.equal(200);
  });

  it('killed in the middle of a sync loses nothing: the run is taken up, and the roster is whole', async () => {
    const dataDir = await tempFolder();
    const databaseUrl = await freshDatabaseUrl();
    if (!databaseUrl) await layEmbeddedDatabase(dataDir);
    const env = databaseUrl ? { DATABASE_URL: databaseUrl } : {};
    const service = await startService({ dataDir, env });
    const rows = Array.from({ length: ROWS }, (_, i) => `S${i},Ana ${i}`).join('\n');
    const { id } = await connect(service.url, service.files, { 'students.csv': `id,nombres\n${rows}\n` });
    const sync = rest(service.url, 'POST', `/integrations/${id}/sync`, { entityType: 'STUDENT' }).catch(
      () => undefined,
    );
    const runId = await begunRun(service.url, id);
    await service.stop('SIGKILL');
    await sync;
    const again = await startService({ dataDir, env });
    // The run is found by itself once its lease is over; until then a new one is refused.
    const path = `/integrations/${id}/runs/${runId}`;
    const isUnderWay = (status: string) => status === 'QUEUED' || status === 'RUNNING';
    await until(async () => !isUnderWay((await rest(again.url, 'GET', path)).body.status));
    const run = (await rest(again.url, 'GET', path)).body;
    expect(run).to.deep.include({ status: 'COMPLETED', attempt: 2 });
    expect(run.counts.created).to.equal(ROWS);
    expect((await rest(again.url, 'GET', `/integrations/${id}/logs`)).body.mappingsCount).to.equal(ROWS);
    await again.stop();
  });

  it('told to end finishes the sync in flight, then leaves', async () => {
    const service = await startService();
    const rows = Array.from({ length: ROWS }, (_, i) => `S${i},Ana ${i}`).join('\n');
    const { id } = await connect(service.url, service.files, { 'students.csv': `id,nombres\n${rows}\n` });
    const sync = rest(service.url, 'POST', `/integrations/${id}/sync`, { entityType: 'STUDENT' });
    await begunRun(service.url, id);
    const stopped = service.stop();
    expect((await sync).body).to.deep.include({ success: true, synced: ROWS });
    expect(await stopped).to.equal(0);
    expect(await fetch(`${service.url}/healthz`).catch(() => 'gone')).to.equal('gone');
  });

  it('writes one line a call, and no secret', async () => {
    const { url, log } = await sharedService();
    const linesOf = (requestId: string) => log.filter((line) => line.includes(requestId));
    for (const requestId of ['find-me', 'the-one-after']) {
      await rest(url, 'GET', `/integrations/${randomUUID()}`, undefined, { 'X-Request-Id': requestId });
    }
    await until(() => linesOf('the-one-after').length > 0);
    const lines = linesOf('find-me').map((line) => JSON.parse(line));
    expect(lines).to.have.length(1);
    expect(lines[0]).to.deep.include({
      rpc: 'smartid.integrations.v1.IntegrationService/GetIntegration',
      code: 'not_found',
    });
    expect(log.join('\n')).to.not.contain(TOKEN);
  });
});

describe('many at once', () => {
  it('50 clients who sync one integration: one runs, 49 are told which run it is, the data is as after one', async () => {
    const service = await sharedService();
    const gateway = new IdukayGateway({ lists: makeIdukaySchool({ students: 300, courses: 3 }) });
    const { open, opened } = gate();
    const school = await listenOn((request, response) => {
      void opened.then(() => gateway.handle(request, response));
    });
    const { body: integration } = await rest(service.url, 'POST', '/integrations', {
      institutionId: randomUUID(),
      provider: 'IDUKAY',
      config: { apiUrl: school.url, institutionCode: gateway.institutionCode },
      credentials: { apiKey: gateway.apiKey },
    });
    const path = `/integrations/${integration.id}`;
    let answered = 0;
    const answers = await Promise.all(
      Array.from({ length: 50 }, async () => {
        const answer = await rest(service.url, 'POST', `${path}/sync`, { entityType: 'STUDENT' });
        answered += 1;
        // The school answers when everybody else was told.
        if (answered === 49) open();
        return answer;
      }),
    ).finally(() => school.close());
    const done = answers.filter(({ status }) => status === 200);
    const refused = answers.filter(({ status, body }) => status === 409 && body.code === 'aborted');
    expect([done.length, refused.length]).to.deep.equal([1, 49]);
    for (const { body } of refused)
      expect(body.details[0].debug.metadata.runId).to.equal(done[0]?.body.runId);
    expect(done[0]?.body.counts).to.deep.include({ read: 300, created: 300 });
    expect((await rest(service.url, 'GET', `${path}/runs`)).body).to.have.length(1);
    expect((await rest(service.url, 'GET', `${path}/logs`)).body.mappingsCount).to.equal(300);
  });

  it('20 integrations sync side by side, and each has its own people', async function () {
    // One session serves all clients of the embedded database: side by side is for a real one.
    if (!testDatabaseUrl) this.skip();
    const service = await sharedService();
    const schools = await Promise.all(
      Array.from({ length: 20 }, (_, s) => {
        const rows = Array.from({ length: 300 }, (_, i) => `S${i},Ana ${s}-${i}`).join('\n');
        return connect(service.url, service.files, { 'students.csv': `id,nombres\n${rows}\n` });
      }),
    );
    const answers = await Promise.all(
      schools.map(({ id }) =>
        rest(service.url, 'POST', `/integrations/${id}/sync`, { entityType: 'STUDENT' }),
      ),
    );
    for (const { status, body } of answers) {
      expect(status, JSON.stringify(body)).to.equal(200);
      expect(body.counts).to.deep.include({ read: 300, created: 300, failed: 0 });
    }
    for (const [s, { institutionId }] of schools.entries()) {
      const { body } = await rest(
        service.url,
        'GET',
        `/institutions/${institutionId}/students?pageSize=1000`,
      );
      expect(body).to.have.length(300);
      expect(
        body.every(({ givenName }: { givenName: string }) => givenName.startsWith(`Ana ${s}-`)),
      ).to.equal(true);
    }
  });
});
