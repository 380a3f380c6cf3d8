import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { MappingEntityType } from '../../src/index.js';
import type { Services } from '../../src/services.js';
import { gate } from '../support/gate.js';
import { newPlace, type Place } from '../support/gated-school.js';
import { newTellingSchool, tellingServices } from '../support/telling-school.js';
import { until } from '../support/until.js';

const { STUDENT, TEACHER } = MappingEntityType;

async function refusal(call: Promise<unknown>) {
  return call.then(
    () => undefined,
    (error: { code: string; reason: string; message: string }) => error,
  );
}

describe('webhooks', () => {
  let place: Place;
  let services: Services;
  before(async () => {
    place = await newPlace();
    services = await tellingServices(place);
  });
  after(() => services.close());

  const received = async (id: string) =>
    (await services.webhookService.listReceivedWebhooks(id, { pageSize: 1_000 })).items;
  const settled = (id: string) =>
    until(async () => (await received(id)).every(({ status }) => !['WAITING', 'STARTED'].includes(status)));
  const runsOf = async (id: string) => (await services.integrationService.listSyncRuns(id)).items;
  const given = async (institutionId: string) =>
    Object.fromEntries(
      (await services.rosterService.listStudents({ institutionId })).items.map(({ givenName, active }) => [
        givenName,
        active,
      ]),
    );

  it('that name a student have that student alone read and brought in, by a run that says what started it', async () => {
    const { school, id, institutionId, send } = await newTellingSchool(services);
    school.put('1', 'Ana');
    school.put('2', 'Eva');
    const receipt = await send({ entityType: 'STUDENT', externalIds: ['2'] }, { webhookId: 'msg_a' });
    expect(receipt).to.deep.equal({ webhookId: 'msg_a', duplicate: false });
    await settled(id);
    expect(school.asked).to.deep.equal(['2']);
    expect(await given(institutionId)).to.deep.equal({ Eva: true });
    const [run] = await runsOf(id);
    expect(run).to.deep.include({
      trigger: 'WEBHOOK',
      externalIds: ['2'],
      status: 'COMPLETED',
      entityType: STUDENT,
    });
    const [webhook] = await received(id);
    expect(webhook).to.deep.include({ status: 'DONE', reason: null, runIds: [run?.id], attempts: 0 });
    const { items } = await services.auditService.listEvents({ institutionId, runId: run?.id });
    expect(items.map(({ actor, action }) => `${actor} ${action}`)).to.deep.equal([
      'webhook sync_run.started',
    ]);
    expect(items[0]?.after).to.deep.include({ trigger: 'WEBHOOK', externalIds: ['2'] });
  });

  it('that name nobody, or a type without a reader for single ones, have the whole list read', async () => {
    const { school, id, send } = await newTellingSchool(services);
    school.put('1', 'Ana');
    await send({ entityType: 'student' });
    await settled(id);
    await send({ data: { entityType: 'TEACHER', externalIds: ['9'] }, type: 'teacher.changed' });
    await settled(id);
    expect(school.asked).to.deep.equal(['list', 'teachers']);
    expect((await runsOf(id)).map(({ externalIds }) => externalIds)).to.deep.equal([null, null]);
  });

  it('in the words of the school are read by its connector, and may be of no concern', async () => {
    const { school, id, send } = await newTellingSchool(services);
    school.put('7', 'Luz');
    await send({ alumno: '7' });
    await send({ silencio: true });
    await settled(id);
    expect(school.asked).to.deep.equal(['7']);
    expect((await received(id)).map(({ status }) => status).sort()).to.deep.equal(['DONE', 'IGNORED']);
  });

  it('are stored once for each webhook-id, which the sender is told', async () => {
    const { school, id, send } = await newTellingSchool(services);
    school.put('1', 'Ana');
    const body = { entityType: 'STUDENT', externalIds: ['1'] };
    const answers = await Promise.all([1, 2, 3, 4].map(() => send(body, { webhookId: 'msg_same' })));
    expect(answers.filter(({ duplicate }) => !duplicate)).to.have.length(1);
    await settled(id);
    expect(await send(body, { webhookId: 'msg_same' })).to.deep.include({ duplicate: true });
    expect(await received(id)).to.have.length(1);
    expect(await runsOf(id)).to.have.length(1);
  });

  it('are refused when no secret of the integration signed them, and nothing of them is stored', async () => {
    const { id, send, secret } = await newTellingSchool(services);
    const other = await newTellingSchool(services);
    const body = { entityType: 'STUDENT' };
    const reasonOf = async (call: Promise<unknown>) => (await refusal(call))?.reason;
    expect(await reasonOf(send(body, { secret: other.secret }))).to.equal('WEBHOOK_SIGNATURE_INVALID');
    // A good message of another integration, as it is.
    expect(await reasonOf(other.send(body, { to: id }))).to.equal('WEBHOOK_SIGNATURE_INVALID');
    expect(await reasonOf(send(body, { to: randomUUID() }))).to.equal('WEBHOOK_SIGNATURE_INVALID');
    const at = (seconds: number) => new Date(Date.now() + seconds * 1_000);
    expect(await reasonOf(send(body, { at: at(-310) }))).to.equal('WEBHOOK_TIMESTAMP_INVALID');
    expect(await reasonOf(send(body, { at: at(310) }))).to.equal('WEBHOOK_TIMESTAMP_INVALID');
    const { webhookService } = services;
    const now = String(Math.floor(Date.now() / 1_000));
    for (const signature of ['v1,', 'v1,AAAA', 'v2,AAAA', 'nonsense', secret, 'v1,'.padEnd(5_000, 'A')]) {
      const headers = { id: 'msg_x', timestamp: now, signature };
      expect(await reasonOf(webhookService.receiveWebhook(id, headers, Buffer.from('{}')))).to.equal(
        'WEBHOOK_SIGNATURE_INVALID',
      );
    }
    for (const timestamp of ['', 'soon', '1e9', '-1', `${now}.5`]) {
      const headers = { id: 'msg_x', timestamp, signature: 'v1,AAAA' };
      expect(await reasonOf(webhookService.receiveWebhook(id, headers, Buffer.from('{}')))).to.be.oneOf([
        'WEBHOOK_UNSIGNED',
        'WEBHOOK_TIMESTAMP_INVALID',
      ]);
    }
    expect(
      await reasonOf(
        webhookService.receiveWebhook(id, { id: null, timestamp: now, signature: 'v1,A' }, Buffer.from('{}')),
      ),
    ).to.equal('WEBHOOK_UNSIGNED');
    expect(await received(id)).to.deep.equal([]);
    // Within the window, on either side.
    expect(await send(body, { at: at(-290) })).to.include({ duplicate: false });
    expect(await send(body, { at: at(290) })).to.include({ duplicate: false });
  });

  it('whose body cannot be used are told why, and kept with the reason, until they come as they should', async () => {
    const { id, send } = await newTellingSchool(services);
    const TABLE: [unknown, RegExp][] = [
      ['no JSON', /must be a JSON object/],
      ['', /must be a JSON object/],
      ['[1]', /must be a JSON object/],
      ['{"entityType": "STUDENT\0"}', /must be a JSON object/],
      [{ entityType: 'PARENT' }, /entityType must be one of COURSE/],
      [{ entityType: 'COURSE' }, /does not sync COURSE; it syncs STUDENT, TEACHER/],
      [{ entityType: 'STUDENT', externalIds: 'x' }, /externalIds must be a list of ids/],
      [{ entityType: 'STUDENT', externalIds: [''] }, /the row has no id/],
      [{ entityType: 'STUDENT', externalIds: ['a\0b'] }, /NUL/],
      [{ entityType: 'STUDENT', externalIds: ['x'.repeat(256)] }, /256 characters/],
      [{ entityType: 'STUDENT', more: 1 }, /Unrecognized key/],
      [{ changes: [] }, /changes must hold a change/],
      // By JavaScript, the id of the one before.
      ['{"entityType": "STUDENT", "externalIds": [9007199254740993]}', /whole number up to 9007199254740991/],
      [{ entityType: 'STUDENT', externalIds: [1.5] }, /must be a text/],
      [{ other: true }, /alumno is required/],
      [`{"a":${'['.repeat(60_000)}${']'.repeat(60_000)}}`, /alumno is required/],
    ];
    for (const [body, message] of TABLE) {
      const error = await refusal(send(body));
      expect(error, JSON.stringify(body).slice(0, 80)).to.include({
        code: 'invalid_argument',
        reason: 'WEBHOOK_REFUSED',
      });
      expect(error?.message).to.match(message);
    }
    const all = await received(id);
    expect(all).to.have.length(TABLE.length);
    expect(new Set(all.map(({ status }) => status))).to.deep.equal(new Set(['REFUSED']));
    expect(all.every(({ reason }) => reason)).to.equal(true);
    const large = await refusal(send({ entityType: 'STUDENT', pad: 'x'.repeat(256 * 1024) }));
    expect(large).to.include({ code: 'resource_exhausted', reason: 'BODY_TOO_LARGE' });
    await refusal(send('{}', { webhookId: 'msg_again' }));
    expect(await send({ entityType: 'TEACHER' }, { webhookId: 'msg_again' })).to.include({
      duplicate: false,
    });
    await settled(id);
    const again = await services.webhookService.getReceivedWebhook(id, 'msg_again');
    expect(again).to.include({ status: 'DONE' });
    expect(again.body.toString()).to.equal('{"entityType":"TEACHER"}');
    expect(await runsOf(id)).to.have.length(1);
  });

  it('that name ten thousand students have the list read once', async () => {
    const { school, id, send } = await newTellingSchool(services);
    school.put('1', 'Ana');
    await send({ entityType: 'STUDENT', externalIds: Array.from({ length: 10_000 }, (_, i) => `S${i}`) });
    await settled(id);
    expect(school.asked).to.deep.equal(['list']);
  });

  it('that name many students in many parts are kept as one change of the list', async () => {
    const { school, id, send } = await newTellingSchool(services);
    const part = (nth: number) => ({
      entityType: 'STUDENT',
      externalIds: Array.from({ length: 30 }, (_, i) => `S${nth}-${i}`),
    });
    await send({ changes: [part(1), part(2), { entityType: 'TEACHER', externalIds: [7, '8'] }] });
    await send({ changes: [part(1), part(1)] });
    await settled(id);
    expect((await received(id)).reverse().map(({ changes }) => changes)).to.deep.equal([
      [{ entityType: STUDENT }, { entityType: TEACHER, externalIds: ['7', '8'] }],
      [part(1)],
    ]);
    expect(school.asked).to.have.members(['list', 'teachers']);
  });

  it('that come a thousand at a time become a few runs, which miss nobody', async () => {
    const { school, id, institutionId, send } = await newTellingSchool(services);
    for (let i = 0; i < 1_000; i++) school.put(`S${i}`, `N${i}`);
    await Promise.all(
      Array.from({ length: 1_000 }, (_, i) => send({ entityType: 'STUDENT', externalIds: [`S${i}`] })),
    );
    await settled(id);
    expect(Object.keys(await given(institutionId))).to.have.length(100);
    expect(await services.mappingService.countMappings(id)).to.equal(1_000);
    expect((await runsOf(id)).length).to.be.lessThan(6);
    expect((await received(id)).every(({ status }) => status === 'DONE')).to.equal(true);
  });

  it('that come while their run is read are read once more by another, and those that wait join', async () => {
    const { school, id, institutionId, send } = await newTellingSchool(services);
    const [begun, go] = [gate(), gate()];
    school.put('1', 'Ana');
    school.before = () => {
      begun.open();
      return go.opened;
    };
    await send({ entityType: 'STUDENT', externalIds: ['1'] });
    await begun.opened;
    school.put('2', 'Eva');
    await send({ entityType: 'STUDENT', externalIds: ['1'] });
    await send({ entityType: 'STUDENT', externalIds: ['2'] });
    await until(async () => (await received(id)).every(({ status }) => status === 'STARTED'));
    const [waiting] = await runsOf(id);
    expect(waiting).to.deep.include({ status: 'QUEUED', externalIds: ['1', '2'] });
    school.put('1', 'Anita');
    go.open();
    await settled(id);
    expect(await given(institutionId)).to.deep.equal({ Anita: true, Eva: true });
    expect(await runsOf(id)).to.have.length(2);
  });

  it('leave a sync that a person asks for its own: one that waits for single ones becomes one of all', async () => {
    const { school, id, institutionId, send } = await newTellingSchool(services);
    const [begun, go] = [gate(), gate()];
    for (const [key, name] of Object.entries({ 1: 'Ana', 2: 'Eva', 3: 'Luz' })) school.put(key, name);
    school.before = () => {
      begun.open();
      return go.opened;
    };
    await send({ entityType: 'STUDENT', externalIds: ['1'] });
    await begun.opened;
    await send({ entityType: 'STUDENT', externalIds: ['2'] });
    await until(async () => (await runsOf(id)).some(({ status }) => status === 'QUEUED'));
    const run = await services.integrationService.startSync(id, STUDENT);
    expect(run).to.deep.include({ status: 'QUEUED', externalIds: null, trigger: 'CALL' });
    await send({ entityType: 'STUDENT', externalIds: ['3'] });
    await until(async () => (await received(id)).every(({ status }) => status === 'STARTED'));
    go.open();
    await settled(id);
    expect(school.asked).to.deep.equal(['1', 'list']);
    expect(await given(institutionId)).to.deep.equal({ Ana: true, Eva: true, Luz: true });
  });

  it('wait while a preview of the same waits, and say so', async () => {
    const { school, id, institutionId, send } = await newTellingSchool(services);
    const [begun, go] = [gate(), gate()];
    school.put('1', 'Ana');
    school.before = () => {
      begun.open();
      return go.opened;
    };
    const { integrationService } = services;
    await integrationService.startSync(id, STUDENT);
    await begun.opened;
    const preview = await integrationService.startSync(id, STUDENT, { kind: 'PREVIEW' });
    school.put('2', 'Eva');
    await send({ entityType: 'STUDENT', externalIds: ['2'] });
    await until(async () => (await received(id))[0]?.reason != null);
    const [webhook] = await received(id);
    expect(webhook).to.deep.include({ status: 'WAITING', runIds: [] });
    expect(webhook?.reason).to.contain(preview.id);
    go.open();
    await settled(id);
    expect(await given(institutionId)).to.include({ Eva: true });
  });

  it('of several entity types have those read once that can be, while another waits', async () => {
    const { school, id, institutionId, send } = await newTellingSchool(services);
    const [begun, go] = [gate(), gate()];
    school.put('1', 'Ana');
    school.before = () => {
      begun.open();
      return go.opened;
    };
    const { integrationService } = services;
    await integrationService.startSync(id, STUDENT);
    await begun.opened;
    await integrationService.startSync(id, STUDENT, { kind: 'PREVIEW' });
    school.put('2', 'Eva');
    const both = [{ entityType: 'STUDENT', externalIds: ['2'] }, { entityType: 'TEACHER' }];
    await send({ changes: both }, { webhookId: 'both' });
    const teachers = async () => (await runsOf(id)).filter(({ entityType }) => entityType === TEACHER);
    await until(async () => (await teachers())[0]?.status === 'COMPLETED');
    // Who looks at this one looks at the other again.
    await send({ entityType: 'STUDENT', externalIds: ['1'] }, { webhookId: 'later' });
    const get = (webhookId: string) => services.webhookService.getReceivedWebhook(id, webhookId);
    await until(async () => (await get('later')).reason !== null);
    const [read] = await teachers();
    expect(await teachers()).to.have.length(1);
    expect(await get('both')).to.deep.include({ status: 'WAITING', runIds: [read?.id] });
    go.open();
    await settled(id);
    expect(await given(institutionId)).to.include({ Eva: true });
    expect(await teachers()).to.have.length(1);
    const done = await get('both');
    expect(done).to.deep.include({ status: 'DONE', reason: null });
    expect(done.runIds).to.have.length(2).and.include(read?.id);
  });

  it('of everything and of a part of it are one run of everything', async () => {
    const { school, id, send } = await newTellingSchool(services);
    school.put('1', 'Ana');
    await Promise.all([send({ entityType: 'STUDENT', externalIds: ['1'] }), send({ entityType: 'ALL' })]);
    await settled(id);
    const whole = (await runsOf(id)).filter(({ parentId }) => parentId === null);
    expect(whole.map(({ entityType, trigger }) => [entityType, trigger])).to.deep.equal([['ALL', 'WEBHOOK']]);
  });

  it('of a school that cannot tell one of them have its list read', async () => {
    const { school, id, institutionId, send } = await newTellingSchool(services);
    school.put('1', 'Ana');
    school.put('2', 'Eva');
    school.tellsOne = false;
    await send({ entityType: 'STUDENT', externalIds: ['1'] });
    await settled(id);
    expect(school.asked).to.deep.equal(['1', 'list']);
    expect(await given(institutionId)).to.deep.equal({ Ana: true, Eva: true });
  });

  it('take nobody for gone who was not named, and whom the school has no longer after the grace', async () => {
    const { school, id, institutionId, send } = await newTellingSchool(services);
    for (let i = 1; i <= 30; i++) school.put(`${i}`, `N${i}`);
    await services.integrationService.syncData(id, STUDENT);
    school.students.clear();
    school.put('5', 'Anew');
    await send({ entityType: 'STUDENT', externalIds: ['5', '6'] });
    await settled(id);
    const [first] = await runsOf(id);
    expect(first?.counts).to.deep.include({ read: 1, updated: 1, missing: 1, deactivated: 0 });
    expect((await given(institutionId)).N6).to.equal(true);
    await send({ entityType: 'STUDENT', externalIds: ['6'] });
    await settled(id);
    const now = await given(institutionId);
    expect(now.N6).to.equal(false);
    expect(Object.values(now).filter((active) => !active)).to.have.length(1);
    school.put('6', 'N6');
    await send({ entityType: 'STUDENT', externalIds: ['6'] });
    await settled(id);
    expect((await given(institutionId)).N6).to.equal(true);
  });

  it('by which too many would be gone are held, once for all that tell the same', async () => {
    const { school, id, institutionId, send } = await newTellingSchool(services);
    for (let i = 1; i <= 30; i++) school.put(`${i}`, `N${i}`);
    await services.integrationService.syncData(id, STUDENT);
    school.students.clear();
    const six = { entityType: 'STUDENT', externalIds: ['1', '2', '3', '4', '5', '6'] };
    await send(six);
    await settled(id);
    await send(six);
    await settled(id);
    const runs = (await runsOf(id)).filter(({ externalIds }) => externalIds);
    expect(runs.map(({ status }) => status)).to.deep.equal(['HELD', 'DISCARDED']);
    expect(runs[0]?.error).to.match(/6 of 30 .* would go/);
    const [webhook] = await received(id);
    expect(webhook?.status).to.equal('DONE');
    expect(webhook?.reason).to.match(/is HELD: Held: 6 of 30/);
    expect(Object.values(await given(institutionId)).every((active) => active)).to.equal(true);
    // What is held keeps nobody else.
    school.put('40', 'Nueva');
    await send({ entityType: 'STUDENT', externalIds: ['40'] });
    await settled(id);
    expect(await given(institutionId)).to.include({ Nueva: true });
    expect((await runsOf(id)).find(({ id: run }) => run === runs[0]?.id)?.status).to.equal('HELD');
    await services.integrationService.approveSync(id, runs[0]?.id as string);
    expect((await runsOf(id)).filter(({ status }) => status === 'HELD')).to.deep.equal([]);
  });

  it('of an integration that is INACTIVE wait until it is not, and are then read', async () => {
    const { school, id, institutionId, send } = await newTellingSchool(services);
    school.put('1', 'Ana');
    await services.integrationService.updateIntegration(id, { status: 'INACTIVE' });
    await send({ entityType: 'STUDENT', externalIds: ['1'] });
    await until(async () => (await received(id))[0]?.reason != null);
    expect((await received(id))[0]).to.deep.include({ status: 'WAITING', runIds: [] });
    expect((await received(id))[0]?.reason).to.match(/INACTIVE/);
    await services.integrationService.updateIntegration(id, { status: 'ACTIVE' });
    await settled(id);
    expect(await given(institutionId)).to.deep.equal({ Ana: true });
  });

  it('of an integration that is INACTIVE are looked at once each time, however many wait', async () => {
    const { id, send } = await newTellingSchool(services);
    await services.integrationService.updateIntegration(id, { status: 'INACTIVE' });
    await send({ entityType: 'STUDENT' }, { webhookId: 'first' });
    await services.database.execute(
      `INSERT INTO received_webhooks (integration_id, webhook_id, institution_id, kind, body, changes, status)
       SELECT integration_id, 'more-' || nth, institution_id, kind, body, changes, 'WAITING'
       FROM received_webhooks, generate_series(1, 1200) AS nth
       WHERE integration_id = $1`,
      [id],
    );
    await until(async () => (await services.webhookService.getReceivedWebhook(id, 'first')).reason !== null);
    const jobs = () =>
      services.database.query(
        `SELECT 1 FROM pgboss.job WHERE name = 'webhooks' AND singleton_key = $1 AND state < 'completed'`,
        [id],
      );
    await until(async () => (await jobs()).length === 0);
  });

  it('whose run failed are tried again later, and say why', async () => {
    const { school, id, send } = await newTellingSchool(services);
    school.put('1', 'Ana');
    school.before = () => Promise.reject(new Error('The school is closed.'));
    await send({ entityType: 'STUDENT', externalIds: ['1'] });
    await until(async () => (await received(id))[0]?.attempts === 1);
    const [failed] = await received(id);
    expect(failed?.status).to.equal('WAITING');
    expect(failed?.reason).to.match(/FAILED: .*closed/);
    school.before = () => Promise.resolve();
    await services.database.execute(
      `UPDATE received_webhooks SET due_at = clock_timestamp() - interval '1 minute' WHERE integration_id = $1`,
      [id],
    );
    await settled(id);
    expect((await received(id))[0]).to.deep.include({ status: 'DONE', reason: null });
    // A run of single ones says nothing of the integration as a whole.
    const integration = await services.integrationService.getIntegration(id);
    expect(integration).to.include({ status: 'ACTIVE', lastSyncAt: null });
  });

  it('are signed by one of five secrets at most', async () => {
    const { id } = await newTellingSchool(services);
    const { webhookService } = services;
    const create = () => webhookService.createWebhookSecret(id);
    const made = await Promise.allSettled(Array.from({ length: 9 }, create));
    expect(made.filter(({ status }) => status === 'fulfilled')).to.have.length(4);
    expect(await refusal(create())).to.include({ reason: 'TOO_MANY_WEBHOOK_SECRETS' });
    expect(await webhookService.listWebhookSecrets(id)).to.have.length(5);
  });

  it('go with their integration, and come to nothing afterwards', async () => {
    const { id, send } = await newTellingSchool(services);
    await send({ entityType: 'STUDENT' });
    await services.integrationService.deleteIntegration(id);
    for (const table of ['received_webhooks', 'webhook_secrets']) {
      const rows = await services.database.query(`SELECT 1 FROM ${table} WHERE integration_id = $1`, [id]);
      expect(rows, table).to.deep.equal([]);
    }
    const error = await refusal(send({ entityType: 'STUDENT' }));
    expect(error).to.include({ code: 'unauthenticated', reason: 'WEBHOOK_SIGNATURE_INVALID' });
    expect(await refusal(services.webhookService.listReceivedWebhooks(id))).to.include({ code: 'not_found' });
  });

  it('are listed page by page, newest first, by status, kind and run', async () => {
    const { id, send } = await newTellingSchool(services);
    for (const webhookId of ['a', 'b', 'c']) await send({ entityType: 'TEACHER' }, { webhookId });
    await refusal(send('{}', { webhookId: 'd' }));
    await settled(id);
    const { webhookService } = services;
    const names: string[] = [];
    let pageToken: string | undefined;
    do {
      const page = await webhookService.listReceivedWebhooks(id, { pageSize: 2, pageToken });
      names.push(...page.items.map(({ webhookId }) => webhookId));
      pageToken = page.nextPageToken;
    } while (pageToken);
    expect(names).to.deep.equal(['d', 'c', 'b', 'a']);
    const listed = async (filter: object) =>
      (await webhookService.listReceivedWebhooks(id, filter)).items.map(({ webhookId }) => webhookId);
    expect(await listed({ status: 'REFUSED' })).to.deep.equal(['d']);
    expect(await listed({ kind: 'PUSH' })).to.deep.equal([]);
    const [run] = await runsOf(id);
    expect(await listed({ runId: run?.id })).to.include('c');
    expect(TEACHER).to.equal(run?.entityType);
  });
});
