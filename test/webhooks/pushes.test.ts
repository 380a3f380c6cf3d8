import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { IntegrationProvider, MappingEntityType } from '../../src/connectors/index.js';
import { newIntegration, sharedServices } from '../support/services.js';
import { until } from '../support/until.js';

const { STUDENT } = MappingEntityType;
const hex = (n: number) => n.toString(16).padStart(24, '0');
const student = (n: number, name = 'Ana') => ({
  name,
  surname: 'Soto',
  metadata: { role: 'student', school: hex(900), user: hex(n) },
});

async function pushing() {
  const services = await sharedServices();
  const made = await newIntegration(IntegrationProvider.IDUKAY, {}, { apiKey: 'k', institutionCode: 'CSM' });
  const { integrationService, webhookService, database } = services;
  const secret = await integrationService.createPushSecret(made.integrationId);
  return {
    ...services,
    ...made,
    push: (body: unknown) => integrationService.receivePush(made.integrationId, secret, body),
    received: async () => (await webhookService.listReceivedWebhooks(made.integrationId)).items,
    /** As a process left it that died before it took it in. */
    async leave(body: { metadata: { user: string } }, secondsAgo: number, attempts = 0) {
      await database.execute(
        `INSERT INTO received_webhooks (integration_id, webhook_id, institution_id, kind, body, changes, status,
           received_at, due_at, attempts)
         VALUES ($1, $2, $3, 'PUSH', $4, $5, 'WAITING', clock_timestamp() - make_interval(secs => $6),
           clock_timestamp() - interval '1 minute', $7)`,
        [
          made.integrationId,
          `push_${randomUUID()}`,
          made.institutionId,
          Buffer.from(JSON.stringify(body)),
          JSON.stringify([{ entityType: 'STUDENT', externalIds: [body.metadata.user] }]),
          secondsAgo,
          attempts,
        ],
      );
    },
  };
}

describe('what is pushed', () => {
  it('is stored with what became of it, and its run says that an event started it', async () => {
    const { push, received, integrationId, integrationService } = await pushing();
    await push(student(1));
    await push({ name: '' }).catch(() => undefined);
    const [refused, done] = await received();
    expect(done).to.deep.include({ kind: 'PUSH', status: 'DONE', reason: null, sentAt: null });
    expect(done?.changes).to.deep.equal([{ entityType: STUDENT, externalIds: [hex(1)] }]);
    expect(refused).to.deep.include({ kind: 'PUSH', status: 'REFUSED', runIds: [] });
    expect(refused?.reason).to.match(/name is empty|name Too small|name/);
    const run = await integrationService.getSyncRun(integrationId, done?.runIds[0] as string);
    expect(run).to.include({ trigger: 'WEBHOOK', pushed: true });
  });

  it('is taken in by another process when its own died before', async () => {
    const { leave, received, mappingService, integrationId } = await pushing();
    await leave(student(2, 'Luz'), 200);
    await until(async () => (await received())[0]?.status === 'DONE');
    await mappingService.getMappingByExternalId(integrationId, STUDENT, hex(2));
  });

  it('and was left is given up after three attempts that failed by a fault of the service', async () => {
    const { leave, received, database, integrationId } = await pushing();
    const name = `broken_${integrationId.replaceAll('-', '')}`;
    await database.execute(`CREATE FUNCTION ${name}() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN RAISE EXCEPTION 'nobody saw this coming'; END $$`);
    await database.execute(`CREATE TRIGGER ${name} BEFORE INSERT ON integration_mappings FOR EACH ROW
      WHEN (NEW.integration_id = '${integrationId}') EXECUTE FUNCTION ${name}()`);
    try {
      await leave(student(4), 200, 2);
      await until(async () => (await received())[0]?.status === 'FAILED');
      expect((await received())[0]?.reason).to.match(/internal error/);
    } finally {
      await database.execute(`DROP FUNCTION ${name} CASCADE`);
    }
  });

  it('and was left is refused when it cannot be used', async () => {
    const { leave, received } = await pushing();
    await leave({ metadata: { user: hex(5) } }, 200);
    await until(async () => (await received())[0]?.status === 'REFUSED');
    expect((await received())[0]?.reason).to.contain('name');
  });

  it('and was left is passed over when the same was pushed again since', async () => {
    const { push, leave, received, rosterService, institutionId } = await pushing();
    await push(student(3, 'Nueva'));
    await leave(student(3, 'Vieja'), 200);
    await until(async () => (await received()).every(({ status }) => status !== 'WAITING'));
    expect((await received()).map(({ status }) => status)).to.deep.equal(['DONE', 'IGNORED']);
    const [only] = (await rosterService.listStudents({ institutionId })).items;
    expect(only?.givenName).to.equal('Nueva');
  });
});
