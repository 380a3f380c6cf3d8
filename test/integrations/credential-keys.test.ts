import { randomBytes, randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { type Database, IntegrationModel } from '../../src/database/index.js';
import { keyOf, SubscriptionStore } from '../../src/events/index.js';
import { CredentialKeys, IntegrationStore } from '../../src/integrations/index.js';
import { CredentialVault } from '../../src/security/index.js';
import { WebhookSecretStore } from '../../src/webhooks/index.js';
import { testDatabaseUrl } from '../support/database.js';
import { quietDatabase } from '../support/quiet-database.js';

const key = (id: string) => ({ id, key: randomBytes(32) });
const [K0, K1, K2] = [key('k0'), key('k1'), key('k2')];

/** An integration with a credential that this vault seals; returns its id. */
async function integration(database: Database, vault: CredentialVault, apiKey = 'first'): Promise<string> {
  const id = randomUUID();
  await database.repository(IntegrationModel).create({
    id,
    institutionId: randomUUID(),
    provider: 'MOODLE',
    config: {},
    policy: {},
    credentials: vault.seal(id, { apiKey }),
    credentialFields: ['apiKey'],
    status: 'ACTIVE',
  });
  return id;
}

describe('the keys of stored credentials', () => {
  let database: Database;
  let store: IntegrationStore;

  before(async () => {
    database = await quietDatabase();
    store = new IntegrationStore(database);
  });
  beforeEach(() => database.execute('DELETE FROM integrations'));
  after(() => database.close());

  it('are listed with what each seals, those that are not configured too', async () => {
    await integration(database, new CredentialVault([K1]));
    await integration(database, new CredentialVault([K0]));
    const keys = new CredentialKeys(database, new CredentialVault([K2, K1]));
    expect(await keys.list()).to.deep.equal([
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
        configured: true,
        seals: false,
        integrationCount: 1,
        subscriptionCount: 0,
        webhookSecretCount: 0,
      },
      {
        id: 'k0',
        configured: false,
        seals: false,
        integrationCount: 1,
        subscriptionCount: 0,
        webhookSecretCount: 0,
      },
    ]);
    expect(await keys.warning())
      .to.match(/credentials of 1 integration are sealed with keys .* "k0" \(1\)/)
      .and.not.contain('k1');
    expect(await new CredentialKeys(database, new CredentialVault([K2, K1, K0])).warning()).to.equal(
      undefined,
    );
  });

  it('are rotated for the secrets of webhooks too', async () => {
    const id = await integration(database, new CredentialVault([K1]));
    const made = await new WebhookSecretStore(database, new CredentialVault([K1])).create(id);
    const rotation = await new CredentialKeys(database, new CredentialVault([K2, K1])).rotate();
    expect(rotation).to.deep.include({ success: true, resealedCount: 2 });
    expect(rotation.before.map((key) => [key.id, key.webhookSecretCount])).to.deep.equal([
      ['k2', 0],
      ['k1', 1],
    ]);
    const opened = await new WebhookSecretStore(database, new CredentialVault([K2])).recipient(id);
    expect(opened?.keys.map(({ key }) => key)).to.deep.equal([keyOf(made.secret)]);
    const closed = await new WebhookSecretStore(database, new CredentialVault([K0])).recipient(id);
    expect(closed).to.deep.include({ keys: [], hasUnopenable: true });
    expect(await new CredentialKeys(database, new CredentialVault([K0])).warning()).to.match(
      /secrets of webhooks/,
    );
    await database.execute('DELETE FROM webhook_secrets');
  });

  it('are rotated for the secrets of subscriptions to events too', async () => {
    const institutionId = randomUUID();
    const made = await new SubscriptionStore(database, new CredentialVault([K1])).create(institutionId, {
      url: 'https://example.com/',
      types: [],
      description: '',
    });
    const rotation = await new CredentialKeys(database, new CredentialVault([K2, K1])).rotate();
    expect(rotation).to.deep.include({ success: true, resealedCount: 1 });
    expect(rotation.before.map(({ id, subscriptionCount }) => [id, subscriptionCount])).to.deep.equal([
      ['k2', 0],
      ['k1', 1],
    ]);
    const after = new SubscriptionStore(database, new CredentialVault([K2]));
    expect(await after.secrets(institutionId, made.subscription.id)).to.deep.equal([made.secret]);
    expect(await new CredentialKeys(database, new CredentialVault([K0])).warning()).to.match(
      /credentials of 1 integrations and subscriptions are sealed .* "k2" \(1\)/,
    );
    await after.delete(institutionId, made.subscription.id);
  });

  it('are rotated: everything opens with the first key alone, and nothing else about it changed', async () => {
    const before = new CredentialVault([K1]);
    const ids: string[] = [];
    for (let i = 0; i < 250; i++) ids.push(await integration(database, before, `secret ${i}`));
    const rows = () =>
      database.query('SELECT id, updated_at, credential_fields, status FROM integrations ORDER BY id');
    const untouched = await rows();
    const keys = new CredentialKeys(database, new CredentialVault([K2, K1]));
    const rotation = await keys.rotate();
    expect(rotation).to.deep.equal({
      success: true,
      resealedCount: 250,
      errors: [],
      errorCount: 0,
      before: [
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
          configured: true,
          seals: false,
          integrationCount: 250,
          subscriptionCount: 0,
          webhookSecretCount: 0,
        },
      ],
      after: [
        {
          id: 'k2',
          configured: true,
          seals: true,
          integrationCount: 250,
          subscriptionCount: 0,
          webhookSecretCount: 0,
        },
        {
          id: 'k1',
          configured: true,
          seals: false,
          integrationCount: 0,
          subscriptionCount: 0,
          webhookSecretCount: 0,
        },
      ],
    });
    const alone = new CredentialVault([K2]);
    for (const [i, id] of ids.entries())
      expect(alone.open(id, (await store.row(id)).credentials)).to.deep.equal({ apiKey: `secret ${i}` });
    expect(await rows()).to.deep.equal(untouched);
    const again = await keys.rotate();
    expect([again.success, again.resealedCount]).to.deep.equal([true, 0]);
  });

  it('leave what cannot be opened as it is, say so of each, and seal all others anew', async () => {
    const good = await integration(database, new CredentialVault([K1]));
    const lost = await integration(database, new CredentialVault([K0]));
    const damaged = await integration(database, new CredentialVault([K1]));
    await store.update(damaged, (row) => {
      row.credentials = `${row.credentials.slice(0, -4)}AAAA`;
    });
    const vault = new CredentialVault([K2, K1]);
    const rotation = await new CredentialKeys(database, vault).rotate();
    expect([rotation.success, rotation.resealedCount, rotation.errorCount]).to.deep.equal([false, 1, 2]);
    const sentences = rotation.errors.join('\n');
    expect(sentences)
      .to.match(new RegExp(`${lost}: .* sealed with the key "k0", which is not in CREDENTIAL_KEYS`))
      .and.match(new RegExp(`${damaged}: .* were changed`));
    expect(rotation.after.map(({ id, integrationCount }) => [id, integrationCount])).to.deep.equal([
      ['k2', 1],
      ['k1', 1],
      ['k0', 1],
    ]);
    expect(vault.open(good, (await store.row(good)).credentials)).to.deep.equal({ apiKey: 'first' });
  });

  it('rotated twice at once while credentials are set lose none that was set', async () => {
    const old = new CredentialVault([K1]);
    const vault = new CredentialVault([K2, K1]);
    const ids: string[] = [];
    for (let i = 0; i < 220; i++) ids.push(await integration(database, old));
    const set = async (id: string, i: number) =>
      store.update(id, (row) => {
        // Of two processes, one still has the former configuration.
        row.credentials = (i % 2 ? old : vault).seal(id, { apiKey: 'second' });
      });
    const keys = new CredentialKeys(database, vault);
    await Promise.all([keys.rotate(), keys.rotate(), ...ids.map(set)]);
    expect((await keys.rotate()).success).to.equal(true);
    const alone = new CredentialVault([K2]);
    for (const id of ids)
      expect(alone.open(id, (await store.row(id)).credentials)).to.deep.equal({ apiKey: 'second' });
  });

  it('are rotated around an integration that a sync holds, which is named when it takes too long', async function () {
    this.timeout(60_000);
    // The embedded database has one session: nobody can hold a row beside another.
    if (!testDatabaseUrl) this.skip();
    const old = new CredentialVault([K1]);
    const [held] = [await integration(database, old), await integration(database, old)];
    const keys = new CredentialKeys(database, new CredentialVault([K2, K1]));
    let letGo = () => {};
    const isHeld = new Promise<void>((resolve) => {
      void database.transaction(async () => {
        await database.query('SELECT 1 FROM integrations WHERE id = $1 FOR SHARE', [held]);
        resolve();
        await new Promise<void>((done) => {
          letGo = done;
        });
      });
    });
    await isHeld;
    const rotation = await keys.rotate();
    expect([rotation.success, rotation.resealedCount]).to.deep.equal([false, 1]);
    expect(rotation.errors).to.deep.equal([
      `Integration ${held}: a sync is at work on it. Rotate the keys again after it.`,
    ]);
    letGo();
    expect((await keys.rotate()).success).to.equal(true);
  });
});
