import { randomBytes, randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { IntegrationService } from '../../gen/smartid/integrations/v1/integration_service_pb.js';
import { Database, IntegrationModel } from '../../src/database/index.js';
import { createLogger } from '../../src/observability/index.js';
import { CredentialVault } from '../../src/security/index.js';
import { run, userOf } from '../cli/command.js';
import { freshDatabaseUrl } from '../support/database.js';
import { layEmbeddedDatabase } from '../support/embedded-template.js';
import { grpcCall } from '../support/grpc-call.js';
import { rest, startService } from '../support/service.js';
import { tempFolder } from '../support/temp-folder.js';
import { until } from '../support/until.js';

const { method } = IntegrationService;
const [K1, K2] = ['k1', 'k2'].map((id) => `${id}:${randomBytes(32).toString('base64')}`) as [string, string];
/** A batch of a rotation. */
const BATCH = 100;

const vaultOf = (...keys: string[]) =>
  new CredentialVault(
    keys.map((pair) => {
      const [id, key] = pair.split(':') as [string, string];
      return { id, key: Buffer.from(key, 'base64') };
    }),
  );

const usesOf = (keys: { id: string; integrationCount: number }[]) =>
  Object.fromEntries(keys.map(({ id, integrationCount }) => [id, integrationCount]));

/** Starts the same service with other keys each time. */
async function restartable() {
  const dataDir = await tempFolder();
  const databaseUrl = await freshDatabaseUrl();
  if (!databaseUrl) await layEmbeddedDatabase(dataDir);
  const start = (...keys: string[]) =>
    startService({ dataDir, env: { DATABASE_URL: databaseUrl, CREDENTIAL_KEYS: keys.join(',') } });
  return { start, databaseUrl };
}

describe('keys that seal credentials', () => {
  it('that are gone are told at the start, by GET /keys, and by whatever needs them; rotated ones may go', async function () {
    // It starts the service four times.
    this.timeout(300_000);
    const { start } = await restartable();
    const first = await start(K1);
    const institutionId = randomUUID();
    await mkdir(join(first.files, institutionId), { recursive: true });
    await writeFile(join(first.files, institutionId, 'students.csv'), 'id,nombres\n1,Ana\n');
    const settings = { institutionId, provider: 'GENERIC_CSV', config: { importPath: institutionId } };
    const { id } = (await rest(first.url, 'POST', '/integrations', settings)).body;
    expect(first.log.join('\n')).to.not.contain('CREDENTIAL_KEYS');
    await first.stop();

    const without = await start(K2);
    const warning =
      /The credentials of 1 integration are sealed with keys that are not in CREDENTIAL_KEYS, and cannot be opened: \\"k1\\" \(1\)/;
    expect(without.log.join('\n')).to.match(warning);
    const sentence = /sealed with the key "k1", which is not in CREDENTIAL_KEYS\. Put it back/;
    const test = await rest(without.url, 'POST', `/integrations/${id}/test`);
    expect([test.status, test.body.success]).to.deep.equal([200, false]);
    expect(test.body.message).to.match(sentence);
    const sync = await rest(without.url, 'POST', `/integrations/${id}/sync`, { entityType: 'STUDENT' });
    expect([sync.status, sync.body.success, sync.body.status]).to.deep.equal([200, false, 'FAILED']);
    expect(sync.body.errors[0]).to.match(sentence);
    const shown = (await rest(without.url, 'GET', `/integrations/${id}`)).body;
    expect(shown.status).to.equal('ERROR');
    expect(shown.lastError).to.match(sentence);
    const change = await rest(without.url, 'PATCH', `/integrations/${id}`, { config: { delimiter: ';' } });
    expect([change.status, change.body.code]).to.deep.equal([400, 'failed_precondition']);
    expect(change.body.message).to.match(sentence);
    expect((await rest(without.url, 'GET', '/keys')).body).to.deep.equal([
      {
        id: 'k2',
        configured: true,
        seals: true,
        integrationCount: 0,
        subscriptionCount: 0,
        webhookSecretCount: 0,
      },
      {
        id: 'k1',
        configured: false,
        seals: false,
        integrationCount: 1,
        subscriptionCount: 0,
        webhookSecretCount: 0,
      },
    ]);
    const nothing = (await rest(without.url, 'POST', '/keys/rotate')).body;
    expect([nothing.success, nothing.resealedCount, nothing.errorCount]).to.deep.equal([false, 0, 1]);
    expect(nothing.errors[0]).to.match(sentence).and.contain(id);
    const typed = await run(['keys', 'rotate'], await userOf(without.url));
    expect(typed.code).to.equal(1);
    expect(typed.out).to.contain('1 stay as they were').and.not.contain('All credentials');
    expect(typed.err).to.match(sentence);
    await without.stop();

    const both = await start(K2, K1);
    expect(both.log.join('\n')).to.not.contain('CREDENTIAL_KEYS');
    const rotation = (await rest(both.url, 'POST', '/keys/rotate', {})).body;
    expect([rotation.success, rotation.resealedCount, rotation.errors]).to.deep.equal([true, 1, []]);
    expect(usesOf(rotation.before)).to.deep.equal({ k2: 0, k1: 1 });
    expect(usesOf(rotation.after)).to.deep.equal({ k2: 1, k1: 0 });
    const audit = '/institutions/00000000-0000-0000-0000-000000000000/audit-events?action=keys.rotated';
    const [event, ...others] = (await rest(both.url, 'GET', audit)).body;
    expect(event).to.deep.include({
      actor: 'admin',
      method: 'RotateKeys',
      objectType: 'KEY',
      objectId: 'k2',
    });
    expect([event.after, others]).to.deep.equal([{ resealedCount: 1 }, []]);
    const again = await grpcCall(both.url, method.rotateKeys, {});
    expect([again.success, again.resealedCount]).to.deep.equal([true, 0]);
    expect(usesOf((await grpcCall(both.url, method.listKeys, {})).keys)).to.deep.equal({ k2: 1, k1: 0 });
    await both.stop();

    const after = await start(K2);
    const good = await rest(after.url, 'POST', `/integrations/${id}/sync`, { entityType: 'STUDENT' });
    expect([good.body.success, good.body.synced]).to.deep.equal([true, 1]);
    await after.stop();
  });

  it('are rotated by a process that is killed in the middle: all credentials open, and the next call does the rest', async function () {
    const { start, databaseUrl } = await restartable();
    // Nobody can look into the embedded database beside its process.
    if (!databaseUrl) this.skip();
    const logger = createLogger({ level: 'silent' });
    const database = new Database({ connection: databaseUrl, poolSize: 4, embedded: false, logger });
    const old = vaultOf(K1);
    const ids = Array.from({ length: 250 }, () => randomUUID()).sort();
    for (const id of ids) {
      await database.repository(IntegrationModel).create({
        id,
        institutionId: randomUUID(),
        provider: 'MOODLE',
        config: {},
        policy: {},
        credentials: old.seal(id, { token: id }),
        credentialFields: ['token'],
        status: 'ACTIVE',
      });
    }
    // A row of the second batch is written only when a lock is free that this test holds.
    await database.execute(`
      CREATE FUNCTION wait_here() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF NEW.id = '${ids[150]}' THEN PERFORM pg_advisory_xact_lock(4711); END IF;
        RETURN NEW;
      END $$;
      CREATE TRIGGER wait_here BEFORE UPDATE ON integrations FOR EACH ROW EXECUTE FUNCTION wait_here()`);
    const service = await start(K2, K1);
    await database.transaction(async () => {
      await database.query('SELECT pg_advisory_xact_lock(4711)');
      const call = rest(service.url, 'POST', '/keys/rotate').catch(() => 'cut');
      const isInSecondBatch = async () =>
        (
          await database.query<{ waits: boolean }>(
            `SELECT count(*) > 0 AS waits FROM pg_locks
             WHERE locktype = 'advisory' AND objid = 4711 AND NOT granted`,
          )
        )[0]?.waits ?? false;
      await until(isInSecondBatch);
      await service.stop('SIGKILL');
      expect(await call).to.equal('cut');
    });
    const uses = async (url: string) => usesOf((await rest(url, 'GET', '/keys')).body);
    const heir = await start(K2, K1);
    await until(async () => (await database.query('SELECT 1 FROM pg_locks WHERE objid = 4711')).length === 0);
    expect(await uses(heir.url)).to.deep.equal({ k2: BATCH, k1: 250 - BATCH });
    const both = vaultOf(K2, K1);
    const rows = () =>
      database.query<{ id: string; credentials: string }>('SELECT id, credentials FROM integrations');
    for (const { id, credentials } of await rows())
      expect(both.open(id, credentials)).to.deep.equal({ token: id });
    const rotated = (await rest(heir.url, 'POST', '/keys/rotate')).body;
    expect([rotated.success, rotated.resealedCount]).to.deep.equal([true, 250 - BATCH]);
    const alone = vaultOf(K2);
    for (const { id, credentials } of await rows())
      expect(alone.open(id, credentials)).to.deep.equal({ token: id });
    await heir.stop();
    await database.close();
  });
});
