import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import type { Database } from '../../src/database/index.js';
import { CredentialVault } from '../../src/security/index.js';
import { WebhookSecretStore } from '../../src/webhooks/index.js';
import { InsertBatch, type NewWebhook } from '../../src/webhooks/insert-batch.js';
import { newSchool, sharedServices } from '../support/services.js';

/** A school with a secret, and rows of its webhooks. */
async function school() {
  const { database } = await sharedServices();
  const { integrationId, institutionId } = await newSchool();
  const secrets = new WebhookSecretStore(
    database,
    new CredentialVault([{ id: 'k', key: Buffer.alloc(32, 1) }]),
  );
  const { webhookSecret } = await secrets.create(integrationId);
  const row = (webhookId: string, changed: object = {}): NewWebhook => ({
    integrationId,
    institutionId,
    webhookId,
    secretId: webhookSecret.id,
    body: Buffer.from('{}'),
    changes: [],
    status: 'IGNORED',
    reason: null,
    sentAt: new Date(),
    ...changed,
  });
  return { database, secrets, integrationId, secretId: webhookSecret.id, row };
}

/** Counts the statements of a database. */
function counting(database: Database) {
  const seen = { statements: 0 };
  const counted = new Proxy(database, {
    get(target, name: keyof Database) {
      const value = target[name];
      if (name === 'query') seen.statements += 1;
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return { counted, seen };
}

describe('webhooks that come at once', () => {
  it('are stored in a few statements, and each is told what became of it', async () => {
    const { database, row, secretId } = await school();
    const { counted, seen } = counting(database);
    const batch = new InsertBatch(counted);
    const names = Array.from({ length: 150 }, (_, i) => `m${i % 140}`);
    const told = await Promise.all(names.map((name) => batch.store(row(name))));
    expect(told.filter((one) => one === 'NEW')).to.have.length(140);
    expect(told.filter((one) => one === 'DUPLICATE')).to.have.length(10);
    expect(seen.statements).to.be.lessThan(6);
    const revoked = await batch.store(row('m-revoked', { secretId: randomUUID() }));
    expect([revoked, await batch.store(row('m-good', { secretId }))]).to.deep.equal(['REVOKED', 'NEW']);
  });

  it('are stored although one among them cannot be', async () => {
    const { database, row } = await school();
    const batch = new InsertBatch(database);
    const settled = await Promise.allSettled([
      batch.store(row('a')),
      batch.store(row('b', { status: 'NONSENSE' })),
      batch.store(row('c')),
    ]);
    expect(settled.map(({ status }) => status)).to.deep.equal(['fulfilled', 'rejected', 'fulfilled']);
  });

  it('are told that their secret is gone when it was deleted at this moment', async () => {
    const { database, secrets, integrationId, secretId, row } = await school();
    const batch = new InsertBatch(database);
    await secrets.delete(integrationId, secretId);
    expect(await batch.store(row('late'))).to.equal('REVOKED');
    const rows = await database.query('SELECT 1 FROM received_webhooks WHERE integration_id = $1', [
      integrationId,
    ]);
    expect(rows).to.deep.equal([]);
  });
});
