import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import createClient, { type Client } from 'openapi-fetch';
import { sharedService, TOKEN } from '../support/service.js';
import { signedHeadersOf } from '../support/telling-school.js';
import { until } from '../support/until.js';
import { closeReceivers, webhookReceiver } from '../support/webhook-receiver.js';
import { checkedFetch } from './checked-fetch.js';
import { operations } from './document.js';
import type { paths } from './paths.js';

interface Story {
  client: Client<paths>;
  institutionId: string;
  /** Of the integration. */
  id: string;
  /** Lays the students of the school, a row each. */
  lay: (rows: readonly string[]) => Promise<void>;
}

/** What went well answered; anything else is the end of the test. */
async function done<T>(answer: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await answer;
  if (!response.ok) throw new Error(`${response.url}: ${response.status} ${JSON.stringify(error)}`);
  return data as T;
}

const HEADER = 'id,nombres,apellidos,run';
const STUDENTS = ['20000000-5', '20000007-2', '20000014-5', '20000021-8', '20000028-5', '20000035-8'].map(
  (run, n) => `S${n},Ana,Soto ${n},${run}`,
);

async function begin(client: Client<paths>, files: string): Promise<Story> {
  const institutionId = randomUUID();
  await mkdir(join(files, institutionId), { recursive: true });
  const lay = (rows: readonly string[]) =>
    writeFile(join(files, institutionId, 'students.csv'), `${[HEADER, ...rows].join('\n')}\n`);
  await lay(STUDENTS);
  const body = {
    institutionId,
    provider: 'GENERIC_CSV',
    config: { importPath: institutionId, exportPath: institutionId },
  };
  const { id } = await done(client.POST('/integrations', { body }));
  return { client, institutionId, id, lay };
}

async function operatorPages({ client }: Story) {
  await done(client.GET('/healthz'));
  await done(client.GET('/readyz'));
  await done(client.GET('/version'));
  await done(client.GET('/openapi.json'));
  expect(await done(client.GET('/metrics', { parseAs: 'text' }))).to.contain('# TYPE');
  expect(await done(client.GET('/keys'))).to.have.length(1);
  await done(client.POST('/keys/rotate'));
}

async function integrations({ client, institutionId, id }: Story) {
  const path = { id };
  const providers = await done(client.GET('/providers'));
  expect(JSON.stringify(providers)).to.contain('GENERIC_CSV');
  const listed = await done(
    client.GET('/integrations', { params: { query: { institutionId, status: 'ACTIVE' } } }),
  );
  expect(listed.map((one) => one.id)).to.deep.equal([id]);
  expect((await done(client.GET('/integrations/{id}', { params: { path } }))).lastSyncAt).to.equal(null);
  await done(client.PATCH('/integrations/{id}', { params: { path }, body: { policy: { graceRuns: 0 } } }));
  expect((await done(client.POST('/integrations/{id}/test', { params: { path } }))).success).to.equal(true);
}

async function uploads({ client, institutionId }: Story) {
  const body = { institutionId, provider: 'GENERIC_CSV', config: { importPath: 'uploads/{id}' } };
  const { id } = await done(client.POST('/integrations', { body }));
  const uploaded = await done(
    client.POST('/integrations/{id}/files', {
      params: { path: { id }, query: { list: 'students' } },
      body: { file: [HEADER, ...STUDENTS].join('\n') },
      bodySerializer({ file }) {
        const form = new FormData();
        form.append('file', new Blob([file]), 'Nómina.csv');
        return form;
      },
    }),
  );
  expect(uploaded.name).to.equal('students.csv');
  expect(uploaded.lists?.[0]?.rowCount).to.equal(STUDENTS.length);
  await done(client.DELETE('/integrations/{id}', { params: { path: { id } } }));
}

async function syncs({ client, id, lay }: Story) {
  const path = { id };
  const entityType = 'STUDENT';
  const report = await done(
    client.POST('/integrations/{id}/sync', { params: { path }, body: { entityType } }),
  );
  expect(report.synced).to.equal(STUDENTS.length);
  const logs = await done(client.GET('/integrations/{id}/logs', { params: { path } }));
  expect(logs.mappingsCount).to.equal(STUDENTS.length);

  await lay([...STUDENTS, 'S9,Eva,Ríos,']);
  const run = await done(client.POST('/integrations/{id}/runs', { params: { path }, body: { entityType } }));
  const ofRun = { path: { id, runId: run.id } };
  const events = await done(
    client.GET('/integrations/{id}/runs/{runId}/watch', { params: ofRun, parseAs: 'text' }),
  );
  expect(events).to.contain('event: end');
  await done(client.GET('/integrations/{id}/runs/{runId}', { params: ofRun }));
  const runs = await done(
    client.GET('/integrations/{id}/runs', { params: { path, query: { status: 'COMPLETED' } } }),
  );
  expect(runs.map((one) => one.id)).to.include(run.id);
  await done(client.GET('/runs', { params: { query: { provider: 'GENERIC_CSV' } } }));
  const changes = await done(client.GET('/integrations/{id}/runs/{runId}/changes', { params: ofRun }));
  expect(changes.map(({ externalId }) => externalId)).to.deep.equal(['S9']);
  await done(client.POST('/integrations/{id}/runs/{runId}/rollback', { params: ofRun, body: {} }));

  await lay([...STUDENTS, ',Nobody,,', 'S8,Luz,Paz,']);
  const preview = await done(
    client.POST('/integrations/{id}/preview', { params: { path }, body: { entityType } }),
  );
  const ofPreview = { path: { id, runId: preview.run?.id as string } };
  const issues = await done(client.GET('/integrations/{id}/runs/{runId}/issues', { params: ofPreview }));
  expect(issues.length).to.be.greaterThan(0);
  const corrected = await done(
    client.GET('/integrations/{id}/runs/{runId}/issues/export', { params: ofPreview, parseAs: 'text' }),
  );
  expect(corrected).to.contain('Nobody');
  await done(
    client.POST('/integrations/{id}/runs/{runId}/approve', {
      params: ofPreview,
      body: { reason: 'looked at' },
    }),
  );
  await lay(STUDENTS);
  const other = await done(
    client.POST('/integrations/{id}/preview', { params: { path }, body: { entityType } }),
  );
  const ofOther = { path: { id, runId: other.run?.id as string } };
  await done(
    client.POST('/integrations/{id}/runs/{runId}/discard', { params: ofOther, body: { reason: 'not now' } }),
  );
  await done(client.GET('/integrations/{id}/drift', { params: { path } }));
}

/** A run that waits, since another of the same is under way, can be stopped. */
async function stopping({ client, id }: Story) {
  const params = { path: { id } };
  await until(async () => {
    await done(client.POST('/integrations/{id}/runs', { params, body: {} }));
    const run = await done(client.POST('/integrations/{id}/runs', { params, body: {} }));
    const ofRun = { path: { id, runId: run.id } };
    const { response } = await client.POST('/integrations/{id}/runs/{runId}/cancel', {
      params: ofRun,
      body: {},
    });
    return response.ok;
  });
  await until(async () => {
    const runs = await done(client.GET('/integrations/{id}/runs', { params }));
    return runs.every(({ status }) => status !== 'QUEUED' && status !== 'RUNNING');
  });
}

async function mappings({ client, id, institutionId }: Story) {
  const path = { id };
  const rows = await done(
    client.GET('/integrations/{id}/mappings', { params: { path, query: { entityType: 'STUDENT' } } }),
  );
  if (typeof rows === 'string') throw new Error('events came, which nobody asked for');
  const of = (externalId: string) => rows.find((row) => row.externalId === externalId)?.internalId as string;
  const entityType = 'STUDENT';
  const one = await done(
    client.GET('/integrations/{id}/mappings/{entityType}/{internalId}', {
      params: { path: { id, entityType, internalId: of('S1') } },
    }),
  );
  expect(one.externalId).to.equal('S1');
  await done(
    client.GET('/integrations/{id}/mappings/{entityType}/external/{externalId}', {
      params: { path: { id, entityType, externalId: 'S1' } },
    }),
  );
  await done(
    client.POST('/integrations/{id}/mappings/rekey', {
      params: { path },
      body: { entityType, externalId: 'S5', newExternalId: 'S50', reason: 'mistyped' },
    }),
  );
  await done(
    client.POST('/integrations/{id}/mappings/merge', {
      params: { path },
      body: { entityType, keepInternalId: of('S3'), dropInternalId: of('S4'), keepExternalId: 'S3' },
    }),
  );
  await done(
    client.POST('/integrations/{id}/mappings/unlink', {
      params: { path },
      body: { entityType, externalId: 'S2', reason: 'somebody else' } as never,
    }),
  );
  const history = await done(
    client.GET('/integrations/{id}/mapping-history', {
      params: { path, query: { entityType, externalId: 'S5' } },
    }),
  );
  expect(history.length).to.be.greaterThan(0);
  const ofStudent = { path: { institutionId, entityId: of('S1') } };
  await done(client.GET('/institutions/{institutionId}/entities/{entityId}/changes', { params: ofStudent }));
  return of('S1');
}

/** A school that gave its people new ids: a plan that is held, and a conflict for each. */
async function conflicts(client: Client<paths>, files: string) {
  const { id, lay } = await begin(client, files);
  const path = { id };
  const entityType = 'STUDENT';
  const sync = () => done(client.POST('/integrations/{id}/sync', { params: { path }, body: { entityType } }));
  await sync();
  await lay(STUDENTS.map((row) => `N${row}`));
  const held = await sync();
  expect(held.status).to.equal('HELD');
  const ofRun = { path: { id, runId: held.runId } };
  const rekeys = await done(client.GET('/integrations/{id}/runs/{runId}/rekeys', { params: ofRun }));
  expect(rekeys).to.have.length(STUDENTS.length);
  const met = await done(client.GET('/integrations/{id}/conflicts', { params: { path } }));
  expect(met).to.have.length(STUDENTS.length);
  const ofConflict = { path: { id, conflictId: met[0]?.id as string } };
  const ignored = { resolution: 'IGNORE' } as const;
  await done(
    client.POST('/integrations/{id}/conflicts/{conflictId}/resolve', { params: ofConflict, body: ignored }),
  );
  await done(
    client.POST('/integrations/{id}/conflicts/resolve', {
      params: { path },
      body: { entityType, rule: 'nationalId', resolution: 'LINK', preview: true },
    }),
  );
  await done(client.DELETE('/integrations/{id}', { params: { path } }));
}

/** What backends put in, and what is sent of it. */
async function roster({ client, institutionId, id }: Story, studentId: string) {
  const of = (entity: string) => ({ path: { institutionId, id: entity } });
  const path = { institutionId };
  const [teacher, course, group, session] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()];
  await done(
    client.PUT('/institutions/{institutionId}/students/{id}', {
      params: of(studentId),
      body: { code: 'E-1' },
    }),
  );
  await done(
    client.PUT('/institutions/{institutionId}/teachers/{id}', {
      params: of(teacher),
      body: { givenName: 'Eva' },
    }),
  );
  await done(
    client.PUT('/institutions/{institutionId}/courses/{id}', { params: of(course), body: { name: '8A' } }),
  );
  await done(
    client.PUT('/institutions/{institutionId}/groups/{id}', {
      params: of(group),
      body: { name: 'A', courseId: course },
    }),
  );
  const member = { path: { institutionId, groupId: group, role: 'STUDENT', personId: studentId } } as const;
  await done(
    client.PUT('/institutions/{institutionId}/groups/{groupId}/members/{role}/{personId}', {
      params: member,
    }),
  );

  expect(
    await done(client.GET('/institutions/{institutionId}/students', { params: { path } })),
  ).to.not.have.length(0);
  await done(client.GET('/institutions/{institutionId}/students/{id}', { params: of(studentId) }));
  expect(
    await done(client.GET('/institutions/{institutionId}/teachers', { params: { path } })),
  ).to.have.length(1);
  await done(client.GET('/institutions/{institutionId}/teachers/{id}', { params: of(teacher) }));
  expect(
    await done(client.GET('/institutions/{institutionId}/courses', { params: { path } })),
  ).to.have.length(1);
  await done(client.GET('/institutions/{institutionId}/courses/{id}', { params: of(course) }));
  expect(await done(client.GET('/institutions/{institutionId}/groups', { params: { path } }))).to.have.length(
    1,
  );
  await done(client.GET('/institutions/{institutionId}/groups/{id}', { params: of(group) }));
  expect(
    await done(client.GET('/institutions/{institutionId}/memberships', { params: { path } })),
  ).to.have.length(1);
  const changed = await done(
    client.GET('/institutions/{institutionId}/roster-changes', { params: { path } }),
  );
  expect(changed.changes.length).to.be.greaterThan(3);

  const lesson = { groupId: group, startsAt: '2026-03-02T11:00:00Z', endsAt: '2026-03-02T12:30:00Z' };
  await done(
    client.PUT('/institutions/{institutionId}/class-sessions/{id}', { params: of(session), body: lesson }),
  );
  await done(
    client.POST('/institutions/{institutionId}/class-sessions/{sessionId}/attendance', {
      params: { path: { institutionId, sessionId: session } },
      body: { records: [{ studentId, status: 'PRESENT', source: 'NFC', origin: 'AI' }] },
    }),
  );
  await done(client.GET('/institutions/{institutionId}/class-sessions/{id}', { params: of(session) }));
  const sent = await done(
    client.POST('/integrations/{id}/send-attendance', {
      params: { path: { id } },
      body: { sessionId: session },
    }),
  );
  expect(sent.sent).to.equal(1);
  const deliveries = await done(
    client.GET('/integrations/{id}/deliveries', { params: { path: { id }, query: { sessionId: session } } }),
  );
  expect(deliveries.map((delivery) => delivery.studentId)).to.deep.equal([studentId]);
  await done(client.POST('/institutions/{institutionId}/class-sessions/{id}/close', { params: of(session) }));
  await done(
    client.DELETE('/institutions/{institutionId}/groups/{groupId}/members/{role}/{personId}', {
      params: member,
    }),
  );
}

async function events({ client, institutionId }: Story) {
  const path = { institutionId };
  const receiver = await webhookReceiver();
  const made = await done(
    client.POST('/institutions/{institutionId}/subscriptions', {
      params: { path },
      body: { url: receiver.url, types: ['roster.changed'] },
    }),
  );
  const of = { path: { institutionId, id: made.subscription?.id as string } };
  await done(client.GET('/institutions/{institutionId}/subscriptions/{id}', { params: of }));
  expect(
    await done(client.GET('/institutions/{institutionId}/subscriptions', { params: { path } })),
  ).to.have.length(1);
  await done(
    client.PATCH('/institutions/{institutionId}/subscriptions/{id}', {
      params: of,
      body: { description: 'of a test' },
    }),
  );
  await done(client.POST('/institutions/{institutionId}/subscriptions/{id}/test', { params: of }));
  await done(
    client.POST('/institutions/{institutionId}/subscriptions/{id}/rotate-secret', { params: of, body: {} }),
  );
  const told = await done(client.GET('/institutions/{institutionId}/events', { params: { path } }));
  const event = { path: { institutionId, id: told[0]?.id as string } };
  await done(client.GET('/institutions/{institutionId}/events/{id}', { params: event }));
  await done(client.POST('/institutions/{institutionId}/events/{id}/replay', { params: event, body: {} }));
  await done(client.GET('/institutions/{institutionId}/event-deliveries', { params: { path } }));
  await done(client.DELETE('/institutions/{institutionId}/subscriptions/{id}', { params: of }));
  await done(client.GET('/institutions/{institutionId}/audit-events', { params: { path } }));
  await done(client.GET('/institutions/{institutionId}/audit-verification', { params: { path } }));
}

async function schedules({ client, id }: Story) {
  const path = { id };
  const of = { path: { id, entityType: 'STUDENT' } } as const;
  await done(
    client.PUT('/integrations/{id}/schedules/{entityType}', {
      params: of,
      body: { cron: '0 3 * * *', timeZone: 'UTC' },
    }),
  );
  expect(await done(client.GET('/integrations/{id}/schedules', { params: { path } }))).to.have.length(1);
  await done(client.GET('/integrations/{id}/schedules/{entityType}', { params: of }));
  await done(client.DELETE('/integrations/{id}/schedules/{entityType}', { params: of }));
}

/** What schools' systems call, without a token. */
async function systemsOfSchools({ client, id }: Story, institutionId: string) {
  const path = { id };
  const made = await done(client.POST('/integrations/{id}/webhook-secrets', { params: { path } }));
  const body = { entityType: 'STUDENT' };
  const { timestamp, signature } = signedHeadersOf(JSON.stringify(body), {
    webhookId: 'evt.1',
    secret: made.secret,
  });
  await done(
    client.POST('/integrations/{id}/webhooks', {
      params: {
        path,
        header: { 'webhook-id': 'evt.1', 'webhook-timestamp': timestamp, 'webhook-signature': signature },
      },
      body,
    }),
  );
  const received = await done(client.GET('/integrations/{id}/webhooks', { params: { path } }));
  expect(received.map(({ webhookId }) => webhookId)).to.deep.equal(['evt.1']);
  await done(
    client.GET('/integrations/{id}/webhooks/{webhookId}', { params: { path: { id, webhookId: 'evt.1' } } }),
  );
  await done(client.POST('/integrations/{id}/webhook-secrets/rotate', { params: { path }, body: {} }));
  const secrets = await done(client.GET('/integrations/{id}/webhook-secrets', { params: { path } }));
  const secretId = secrets[0]?.id as string;
  await done(
    client.DELETE('/integrations/{id}/webhook-secrets/{secretId}', { params: { path: { id, secretId } } }),
  );

  const idukay = await done(
    client.POST('/integrations', {
      body: { institutionId, provider: 'IDUKAY', credentials: { apiKey: 'k', institutionCode: 'CSM' } },
    }),
  );
  const address = await done(
    client.POST('/integrations/{id}/push-secret', { params: { path: { id: idukay.id } } }),
  );
  const pushed = { path: { id: idukay.id, secret: address.secret } };
  const student = {
    name: 'Ana',
    surname: 'Soto',
    metadata: { role: 'student', school: '900'.padStart(24, '0'), user: '1'.padStart(24, '0') },
  };
  await done(client.POST('/integrations/{id}/idukay/{secret}/students', { params: pushed, body: student }));
  await done(client.PUT('/integrations/{id}/idukay/{secret}/students', { params: pushed, body: student }));
}

describe('a client generated from the OpenAPI document', () => {
  after(closeReceivers);

  it('calls every operation of the service, and gets what the document says of each', async () => {
    const { url, files } = await sharedService();
    const checked = checkedFetch();
    const headers = { Authorization: `Bearer ${TOKEN}` };
    const client = createClient<paths>({ baseUrl: url, headers, fetch: checked.fetch });
    const story = await begin(client, files);
    await operatorPages(story);
    await integrations(story);
    await uploads(story);
    await syncs(story);
    await stopping(story);
    const studentId = await mappings(story);
    await roster(story, studentId);
    await events(story);
    await schedules(story);
    await systemsOfSchools(story, randomUUID());
    await conflicts(client, files);
    const missing = operations().filter(({ operationId }) => !checked.called.has(operationId));
    expect(missing.map(({ operationId }) => operationId)).to.deep.equal([]);
  });

  it('gets errors in the form that the document gives them', async () => {
    const { url } = await sharedService();
    const { fetch } = checkedFetch();
    const client = createClient<paths>({ baseUrl: url, fetch });
    const none = await client.GET('/integrations');
    expect([none.response.status, none.error?.code]).to.deep.equal([401, 'unauthenticated']);
    const known = createClient<paths>({ baseUrl: url, headers: { Authorization: `Bearer ${TOKEN}` }, fetch });
    const wrong = await known.POST('/integrations', {
      body: { institutionId: 'x', provider: 'GENERIC_CSV' },
    });
    expect([wrong.response.status, wrong.error?.code]).to.deep.equal([400, 'invalid_argument']);
    const lost = await known.GET('/integrations/{id}', { params: { path: { id: randomUUID() } } });
    expect([lost.response.status, lost.error?.code]).to.deep.equal([404, 'not_found']);
  });
});
