import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DescService } from '@bufbuild/protobuf';
import { MethodOptions_IdempotencyLevel as Idempotency } from '@bufbuild/protobuf/wkt';
import { expect } from 'chai';
import { AuditService } from '../../gen/smartid/integrations/v1/audit_service_pb.js';
import { EventService } from '../../gen/smartid/integrations/v1/event_service_pb.js';
import { IdukayPushService } from '../../gen/smartid/integrations/v1/idukay_push_service_pb.js';
import { IntegrationService } from '../../gen/smartid/integrations/v1/integration_service_pb.js';
import { ScheduleService } from '../../gen/smartid/integrations/v1/schedule_service_pb.js';
import { WebhookReceiverService } from '../../gen/smartid/integrations/v1/webhook_receiver_service_pb.js';
import { WebhookService } from '../../gen/smartid/integrations/v1/webhook_service_pb.js';
import { RosterService } from '../../gen/smartid/roster/v1/roster_service_pb.js';
import { listenOn } from '../support/listen.js';
import { rest, sharedService, TOKEN } from '../support/service.js';
import { until } from '../support/until.js';

const SERVICES: readonly DescService[] = [
  AuditService,
  EventService,
  IdukayPushService,
  IntegrationService,
  RosterService,
  ScheduleService,
  WebhookReceiverService,
  WebhookService,
];
/** Methods that are no reads and leave no event, and why. */
const NO_EVENT: Readonly<Record<string, string>> = {
  TestConnection: 'nothing is written',
  TestSubscription: 'nothing is written',
  ReceiveWebhook: 'the run that it leads to is in the audit, by the actor webhook',
  RotateKeys: 'there is one key; in the chain of no institution where there are two',
};
const RUNS = ['20000000-5', '20000007-2', '20000014-5', '20000021-8', '20000028-5', '20000035-8'];
const hex = (n: number) => n.toString(16).padStart(24, '0');

describe('the audit of every method', () => {
  const institutionId = randomUUID();
  /** By method: the ids of the requests that did what was asked. */
  const done = new Map<string, string[]>();

  // biome-ignore lint/suspicious/noExplicitAny: answers are looked at field by field.
  async function call(method: string, body: object): Promise<any> {
    const { url } = await sharedService();
    const service = SERVICES.find(({ methods }) => methods.some(({ name }) => name === method));
    const requestId = `${method}-${randomUUID()}`;
    const answer = await rest(url, 'POST', `/${service?.typeName}/${method}`, body, {
      'X-Request-Id': requestId,
    });
    expect(answer.status, `${method}: ${JSON.stringify(answer.body)}`).to.equal(200);
    done.set(method, [...(done.get(method) ?? []), requestId]);
    return answer.body;
  }

  async function eventsOf(requestId: string): Promise<{ outcome: string }[]> {
    const { url } = await sharedService();
    const path = `/institutions/${institutionId}/audit-events?requestId=${requestId}`;
    return (await rest(url, 'GET', path)).body;
  }

  async function write(folder: string, name: string, text: string) {
    const { files } = await sharedService();
    await mkdir(join(files, folder), { recursive: true });
    await writeFile(join(files, folder, name), text);
  }

  const students = (prefix: string) =>
    `id,run,nombres,apellidos\n${RUNS.map((run, n) => `${prefix}${n},${run},Ana,Soto ${n}`).join('\n')}\n`;

  async function newIntegration(provider: string, config: object, credentials: object = {}) {
    return (await call('CreateIntegration', { institutionId, provider, config, credentials })).integration.id;
  }

  it('has an event of whatever changed something, in the request that did', async function () {
    this.timeout(60_000);
    await roster();
    const id = await runs();
    await repairs();
    await withOthers(id);
    await call('DeleteIntegration', { id });
    const isRead = Idempotency.NO_SIDE_EFFECTS;
    const mutations = SERVICES.flatMap(({ methods }) => methods)
      .filter(({ idempotency }) => idempotency !== isRead)
      .map(({ name }) => name);
    expect([...done.keys(), ...Object.keys(NO_EVENT)].sort()).to.deep.equal(mutations.sort());
    const silent: string[] = [];
    for (const requestId of [...done.values()].flat()) {
      const events = await eventsOf(requestId);
      if (events.length === 0 || events.some(({ outcome }) => outcome !== 'OK')) silent.push(requestId);
    }
    expect(silent).to.deep.equal([]);
  });

  async function roster() {
    const [student, teacher, course, group, session] = Array.from({ length: 5 }, () => randomUUID());
    const of = (id: string | undefined, more: object) => ({ institutionId, id, ...more });
    await call('PutStudent', of(student, { givenName: 'Ana', familyName: 'Soto' }));
    await call('PutTeacher', of(teacher, { givenName: 'Luz', familyName: 'Rojas' }));
    await call('PutCourse', of(course, { name: 'Matemática' }));
    await call('PutGroup', of(group, { name: '1A', courseId: course }));
    const membership = { institutionId, groupId: group, role: 'STUDENT', personId: student };
    await call('PutMembership', membership);
    await call('DeleteMembership', membership);
    const times = { startsAt: '2026-03-02T11:00:00Z', endsAt: '2026-03-02T12:30:00Z' };
    await call('PutClassSession', { session: { ...of(session, { groupId: group }), ...times } });
    const records = [{ studentId: student, status: 'PRESENT' }];
    await call('RecordAttendance', { institutionId, sessionId: session, records });
    await call('CloseClassSession', of(session, {}));
  }

  async function runs() {
    const folder = randomUUID();
    await write(folder, 'students.csv', students('A'));
    const id = await newIntegration('GENERIC_CSV', { importPath: folder, exportPath: `${folder}/out` });
    await write(`${folder}/out`, 'x', '');
    await call('UpdateIntegration', {
      id,
      config: { importPath: folder, exportPath: `${folder}/out`, timeZone: 'UTC' },
    });
    const discarded = await call('PreviewSync', { id, entityType: 'STUDENT' });
    await call('DiscardSync', { id, runId: discarded.run.id, reason: 'x' });
    const approved = await call('PreviewSync', { id, entityType: 'STUDENT' });
    await call('ApproveSync', { id, runId: approved.run.id, reason: 'x' });
    await write(folder, 'students.csv', students('A').replace('Ana', 'Eva'));
    const synced = await call('SyncData', { id, entityType: 'STUDENT' });
    await call('RollbackSync', { id, runId: synced.runId });
    await call('StartSync', { id, entityType: 'STUDENT' });
    await call('SetSchedule', {
      id,
      entityType: 'STUDENT',
      cron: '30 2 * * *',
      timeZone: 'America/Santiago',
    });
    await call('DeleteSchedule', { id, entityType: 'STUDENT' });
    return id;
  }

  /** Decisions on who is who, of people who came back under other ids. */
  async function repairs() {
    const folder = randomUUID();
    await write(folder, 'students.csv', students('A'));
    await write(folder, 'groups.csv', 'id,nombre\nG1,1A\n');
    const id = await newIntegration('GENERIC_CSV', { importPath: folder, exportPath: `${folder}/out` });
    await write(`${folder}/out`, 'x', '');
    await call('SyncData', { id, entityType: 'GROUP' });
    await call('SyncData', { id, entityType: 'STUDENT' });
    const internal = async (entityType: string, externalId: string) => {
      const { url } = await sharedService();
      const path = `/integrations/${id}/mappings?entityType=${entityType}&pageSize=100`;
      const { body } = await rest(url, 'GET', path);
      return body.find((mapping: { externalId: string }) => mapping.externalId === externalId)?.internalId;
    };
    const session = randomUUID();
    const times = { startsAt: '2026-03-03T11:00:00Z', endsAt: '2026-03-03T12:30:00Z' };
    const groupId = await internal('GROUP', 'G1');
    await call('PutClassSession', { session: { institutionId, id: session, groupId, ...times } });
    const records = [{ studentId: await internal('STUDENT', 'A0'), status: 'PRESENT' }];
    await call('RecordAttendance', { institutionId, sessionId: session, records });
    await call('SendAttendance', { id, sessionId: session });
    await call('MergeMappings', {
      id,
      entityType: 'STUDENT',
      keepInternalId: await internal('STUDENT', 'A0'),
      dropInternalId: await internal('STUDENT', 'A1'),
      keepExternalId: 'A0',
    });
    await call('RekeyMapping', { id, entityType: 'STUDENT', externalId: 'A0', newExternalId: 'Z0' });
    await call('UnlinkMapping', { id, entityType: 'STUDENT', externalId: 'A2' });
    await write(folder, 'students.csv', students('B'));
    const { url } = await sharedService();
    await rest(url, 'POST', `/integrations/${id}/sync`, { entityType: 'STUDENT' });
    const { body: conflicts } = await rest(url, 'GET', `/integrations/${id}/conflicts`);
    await call('ResolveConflict', { id, conflictId: conflicts[0].id, resolution: 'IGNORE' });
    await call('ResolveConflicts', { id, entityType: 'STUDENT', rule: 'nationalId', resolution: 'IGNORE' });
  }

  /** What others are told, and what they tell. */
  async function withOthers(id: string) {
    const receiver = { institutionId, url: 'https://example.com/events', types: ['roster.changed'] };
    const { subscription } = await call('CreateSubscription', receiver);
    const of = { institutionId, id: subscription.id };
    await call('UpdateSubscription', { ...of, description: 'x' });
    await call('RotateSubscriptionSecret', of);
    const { url } = await sharedService();
    const { body: events } = await rest(
      url,
      'GET',
      `/institutions/${institutionId}/events?types=roster.changed`,
    );
    await call('ReplayEvent', { institutionId, id: events[0].id });
    await call('DeleteSubscription', of);
    const { webhookSecret } = await call('CreateWebhookSecret', { id });
    await call('RotateWebhookSecret', { id });
    await call('DeleteWebhookSecret', { id, secretId: webhookSecret.id });

    const idukay = await newIntegration('IDUKAY', {}, { apiKey: 'k', institutionCode: 'CSM' });
    const { secret } = await call('CreatePushSecret', { id: idukay });
    const metadata = { role: 'student', school: hex(900), user: hex(1) };
    await call('PushStudent', { id: idukay, secret, student: { name: 'Ana', surname: 'Soto', metadata } });

    const uploads = await newIntegration('GENERIC_CSV', { importPath: 'uploads/{id}' });
    const requestId = `UploadFile-${randomUUID()}`;
    const form = new FormData();
    form.append('file', new Blob([students('A')]), 'students.csv');
    const uploaded = await fetch(`${url}/integrations/${uploads}/files`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${TOKEN}`, 'X-Request-Id': requestId },
      body: form,
    });
    expect(uploaded.status, await uploaded.text()).to.be.within(200, 201);
    done.set('UploadFile', [requestId]);

    // Never answers, so that its run can be canceled.
    const silent = await listenOn(() => undefined);
    const moodle = await newIntegration('MOODLE', { apiUrl: silent.url }, { wsToken: 'x'.repeat(32) });
    const { run } = await call('StartSync', { id: moodle, entityType: 'COURSE' });
    await until(async () => {
      const { body } = await rest(url, 'GET', `/integrations/${moodle}/runs/${run.id}`);
      return body.status === 'RUNNING';
    });
    await call('CancelSync', { id: moodle, runId: run.id });
    await silent.close();
  }
});
