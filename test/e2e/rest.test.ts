import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { rest, sharedService, TOKEN } from '../support/service.js';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;

/** Calls the shared service. */
async function call(method: string, path: string, body?: unknown, headers?: Record<string, string>) {
  const { url } = await sharedService();
  return rest(url, method, path, body, headers);
}

/** A school of its own, connected over REST. */
async function school(files: Record<string, string>) {
  const { files: root } = await sharedService();
  const institutionId = randomUUID();
  await mkdir(join(root, institutionId, 'out'), { recursive: true });
  for (const [name, text] of Object.entries(files)) await writeFile(join(root, institutionId, name), text);
  const config = { importPath: institutionId, exportPath: `${institutionId}/out` };
  const { body, status, headers } = await call('POST', '/integrations', {
    institutionId,
    provider: 'GENERIC_CSV',
    config,
    credentials: {},
  });
  expect(status).to.equal(201);
  expect(headers.get('location')).to.equal(`/integrations/${body.id}`);
  return { institutionId, id: body.id as string, created: body, config };
}

describe('the documented REST paths', () => {
  it('POST, GET, PATCH and DELETE /integrations', async () => {
    const { institutionId, id, created, config } = await school({});
    expect(created.createdAt).to.match(TIME);
    expect(created).to.deep.equal({
      id,
      institutionId,
      provider: 'GENERIC_CSV',
      config,
      policy: {},
      credentialFields: [],
      status: 'ACTIVE',
      lastSyncAt: null,
      lastError: null,
      createdAt: created.createdAt,
      updatedAt: created.updatedAt,
    });
    expect((await call('GET', `/integrations/${id}`)).body).to.deep.equal(created);
    expect((await call('GET', `/integrations?institutionId=${institutionId}`)).body).to.deep.equal([created]);
    const patched = await call('PATCH', `/integrations/${id}`, { status: 'INACTIVE' });
    expect(patched.body).to.deep.equal({ ...created, status: 'INACTIVE', updatedAt: patched.body.updatedAt });
    const gone = await call('DELETE', `/integrations/${id}`);
    expect([gone.status, gone.body]).to.deep.equal([204, undefined]);
    expect((await call('GET', `/integrations/${id}`)).status).to.equal(404);
    expect((await call('GET', `/integrations?institutionId=${institutionId}`)).body).to.deep.equal([]);
  });

  it('POST /integrations/{id}/test', async () => {
    const { id } = await school({ 'students.csv': 'id,nombres\n1,Ana\n' });
    const { status, body } = await call('POST', `/integrations/${id}/test`);
    expect(status).to.equal(200);
    expect(body).to.deep.include({ success: true, message: 'Connection successful' });
    const refused = await school({});
    const { status: same, body: answer } = await call('POST', `/integrations/${refused.id}/test`, {});
    expect([same, answer.success]).to.deep.equal([200, false]);
    expect(answer.message).to.match(/import folder holds none of students\.csv/);
  });

  it('POST /integrations/{id}/sync, then mappings both ways, logs, runs and issues', async () => {
    const { id, institutionId } = await school({
      'students.csv': 'id,nombres,apellidos,correo\n1,Ana,Soto,a@x.cl\n2,Eva,Paz,bad@\n,Luz,Paz,\n',
    });
    const { status, body } = await call('POST', `/integrations/${id}/sync`, { entityType: 'STUDENT' });
    expect(status).to.equal(200);
    const [first] = body.mappings;
    const rows = { read: 0, created: 0, updated: 0, unchanged: 0, failed: 0, conflicts: 0 };
    const none = { ...rows, missing: 0, deactivated: 0, moved: 0, warnings: 0 };
    expect(body).to.deep.equal({
      success: true,
      synced: 2,
      errors: ['students.csv line 4: the row has no id'],
      mappings: body.mappings,
      mappingsTruncated: false,
      runId: body.runId,
      errorCount: 1,
      warningCount: 1,
      counts: { ...none, read: 3, created: 2, failed: 1, warnings: 1 },
      membershipCounts: none,
      status: 'COMPLETED',
      gaps: ['1 row or list could not be read: nobody knows who is in there.'],
      parts: [],
    });
    expect(first).to.deep.equal({
      id: first.id,
      integrationId: id,
      entityType: 'STUDENT',
      internalId: first.internalId,
      externalId: '1',
      metadata: {},
      status: 'ACTIVE',
      createdAt: first.createdAt,
      updatedAt: first.updatedAt,
    });
    for (const uuid of [first.id, first.internalId, body.runId]) expect(uuid).to.match(UUID);
    expect((await call('GET', `/integrations/${id}/mappings?entityType=STUDENT`)).body).to.deep.equal(
      body.mappings,
    );
    expect((await call('GET', `/integrations/${id}/mappings?entityType=course`)).body).to.deep.equal([]);
    expect(
      (await call('GET', `/integrations/${id}/mappings/STUDENT/${first.internalId}`)).body,
    ).to.deep.equal(first);
    expect((await call('GET', `/integrations/${id}/mappings/student/external/1`)).body).to.deep.equal(first);
    expect((await call('GET', `/integrations/${id}/mappings/STUDENT/external/none`)).status).to.equal(404);
    const logs = (await call('GET', `/integrations/${id}/logs`)).body;
    expect(logs).to.deep.include({
      integrationId: id,
      provider: 'GENERIC_CSV',
      status: 'ACTIVE',
      mappingsCount: 2,
    });
    expect(logs.lastSyncAt).to.match(TIME);
    const runs = (await call('GET', `/integrations/${id}/runs`)).body;
    expect(runs).to.deep.equal(logs.runs);
    expect(runs[0]).to.deep.include({
      id: body.runId,
      status: 'COMPLETED',
      stage: 'REPORT',
      attempt: 1,
      counts: body.counts,
    });
    expect((await call('GET', `/integrations/${id}/runs/${body.runId}`)).body).to.deep.equal(runs[0]);
    expect(runs[0].evidence.memberships).to.deep.equal({ pages: 0, rows: 0, repeatedPages: 0, gaps: [] });
    const issues = (await call('GET', `/integrations/${id}/runs/${body.runId}/issues?severity=error`)).body;
    expect(issues).to.have.length(1);
    expect(issues[0]).to.deep.include({
      severity: 'ERROR',
      rule: 'id.missing',
      file: 'students.csv',
      line: 4,
    });
    const students = (await call('GET', `/institutions/${institutionId}/students`)).body;
    expect(students.map((s: { givenName: string }) => s.givenName).sort()).to.deep.equal(['Ana', 'Eva']);
  });

  it('follows Link from page to page', async () => {
    const rows = Array.from({ length: 7 }, (_, i) => `S${i},Ana`).join('\n');
    const { id } = await school({ 'students.csv': `id,nombres\n${rows}\n` });
    await call('POST', `/integrations/${id}/sync`, { entityType: 'STUDENT' });
    for (const start of [
      `/integrations/${id}/mappings?pageSize=3`,
      `/integrations/${id}/mappings?entityType=STUDENT&pageSize=3`,
    ]) {
      const found: string[] = [];
      let path: string | undefined = start;
      let pages = 0;
      while (path) {
        const { body, headers } = await call('GET', path);
        found.push(...body.map((mapping: { externalId: string }) => mapping.externalId));
        path = /<([^>]+)>; rel="next"/.exec(headers.get('link') ?? '')?.[1];
        pages += 1;
      }
      expect(found).to.deep.equal(['S0', 'S1', 'S2', 'S3', 'S4', 'S5', 'S6']);
      expect(pages).to.equal(3);
    }
  });

  it('PUT a class session, POST its attendance, POST /integrations/{id}/send-attendance', async () => {
    const { id, institutionId } = await school({
      'groups.csv': 'id,nombre\nG1,1A\n',
      'students.csv': 'id,nombres,grupo\n1,Ana,G1\n',
    });
    for (const entityType of ['GROUP', 'STUDENT'])
      await call('POST', `/integrations/${id}/sync`, { entityType });
    const [group] = (await call('GET', `/institutions/${institutionId}/groups`)).body;
    const [student] = (await call('GET', `/institutions/${institutionId}/students?groupId=${group.id}`)).body;
    const sessionId = randomUUID();
    const path = `/institutions/${institutionId}/class-sessions/${sessionId}`;
    const session = { groupId: group.id, startsAt: '2026-03-02T11:00:00Z', endsAt: '2026-03-02T12:00:00Z' };
    const put = await call('PUT', path, session);
    expect(put.body).to.deep.equal({ id: sessionId, institutionId, ...session });
    expect((await call('PUT', path, session)).body).to.deep.equal(put.body);
    const mark = {
      studentId: student.id,
      status: 'LATE',
      arrivalTime: '2026-03-02T11:10:00Z',
      permanencePercentage: 83.3,
      origin: 'MIXED',
      source: 'CAMERA_YOLO',
    };
    expect((await call('POST', `${path}/attendance`, { records: [mark] })).body).to.deep.equal({
      created: 1,
      updated: 0,
      unchanged: 0,
    });
    expect((await call('GET', path)).body).to.deep.equal({ session: put.body, records: [mark] });
    const sent = await call('POST', `/integrations/${id}/send-attendance`, { sessionId });
    expect(sent.body).to.deep.equal({
      success: true,
      sent: 1,
      errors: [],
      confirmed: 1,
      unchanged: 0,
      warnings: [],
      withheld: 0,
    });
    const changes = (await call('GET', `/institutions/${institutionId}/roster-changes`)).body;
    expect(changes.changes.map((change: { entity: string }) => change.entity)).to.deep.equal([
      'GROUP',
      'STUDENT',
      'MEMBERSHIP',
    ]);
    const later = (
      await call('GET', `/institutions/${institutionId}/roster-changes?pageToken=${changes.nextPageToken}`)
    ).body;
    expect(later).to.deep.equal({ changes: [], nextPageToken: changes.nextPageToken, hasMore: false });
  });

  it('lists the providers with the schemas of their settings', async () => {
    const providers = (await call('GET', '/providers')).body as {
      provider: string;
      configSchema: { properties: object };
    }[];
    expect(providers.map(({ provider }) => provider)).to.deep.equal([
      'IDUKAY',
      'MOODLE',
      'ONEROSTER',
      'GENERIC_CSV',
    ]);
    const [, , oneRoster, csv] = providers;
    expect(oneRoster).to.deep.include({ provider: 'ONEROSTER', sendsAttendance: false });
    expect(csv).to.deep.include({ provider: 'GENERIC_CSV', sendsAttendance: true });
    expect(csv?.configSchema.properties).to.have.property('importPath');
  });
});

describe('errors over REST', () => {
  const id = randomUUID();
  const TABLE: [
    what: string,
    method: string,
    path: string,
    body: unknown,
    status: number,
    code: string,
    message: RegExp,
  ][] = [
    ['an unknown path', 'GET', '/nothing/here', undefined, 404, 'not_found', /nothing at \/nothing\/here/],
    ['an unknown integration', 'GET', `/integrations/${id}`, undefined, 404, 'not_found', /no integration/],
    ['an id that is no UUID', 'GET', '/integrations/42', undefined, 400, 'invalid_argument', /^id: /],
    ['a method the path does not take', 'PUT', '/integrations', {}, 405, 'unimplemented', /takes .*POST/],
    [
      'a body that is not JSON',
      'POST',
      '/integrations',
      '{oops',
      400,
      'invalid_argument',
      /body: is not JSON/,
    ],
    ['a body that is a list', 'POST', '/integrations', [], 400, 'invalid_argument', /must be a JSON object/],
    [
      'a field that is not there',
      'POST',
      '/integrations',
      { colour: 1 },
      400,
      'invalid_argument',
      /colour: is not a field/,
    ],
    [
      'a field of another type',
      'POST',
      '/integrations',
      { institutionId: 7 },
      400,
      'invalid_argument',
      /institutionId: /,
    ],
    [
      'a query parameter that is not there',
      'GET',
      '/integrations?colour=1',
      undefined,
      400,
      'invalid_argument',
      /colour: is not a query parameter/,
    ],
    [
      'an entity type that is not there',
      'POST',
      `/integrations/${id}/sync`,
      { entityType: 'PARENT' },
      400,
      'invalid_argument',
      /entityType: /,
    ],
    [
      'an entity type that is not there',
      'POST',
      `/integrations/${id}/sync`,
      { entityType: 'PUPIL' },
      400,
      'invalid_argument',
      /PUPIL|entityType/,
    ],
    [
      'an enum name in the query that is not there',
      'GET',
      `/integrations/${id}/mappings?entityType=x`,
      undefined,
      400,
      'invalid_argument',
      /"x" is none of COURSE/,
    ],
    [
      'mappings of an unknown integration',
      'GET',
      `/integrations/${id}/mappings`,
      undefined,
      404,
      'not_found',
      /no integration/,
    ],
    [
      'a page too large',
      'GET',
      `/integrations/${id}/mappings?pageSize=5000`,
      undefined,
      400,
      'invalid_argument',
      /pageSize: /,
    ],
    ['a broken percent sign', 'GET', '/integrations/%zz', undefined, 404, 'not_found', /nothing at/],
  ];
  for (const [what, method, path, body, status, code, message] of TABLE) {
    it(`${what} is ${status} ${code}`, async () => {
      const answer = await call(method, path, body);
      expect(answer.status).to.equal(status);
      expect(answer.body.code).to.equal(code);
      expect(answer.body.message).to.match(message);
      expect(JSON.stringify(answer.body)).to.not.match(/node_modules|SELECT|at \w+ \(/);
    });
  }

  it('names every wrong field in google.rpc.BadRequest', async () => {
    const { body } = await call('POST', '/integrations', { institutionId: 'x', provider: '' });
    const [detail] = body.details.filter(({ type }: { type: string }) => type === 'google.rpc.BadRequest');
    expect(detail.debug.fieldViolations.map(({ field }: { field: string }) => field)).to.deep.equal([
      'institutionId',
      'provider',
    ]);
  });

  it('a wrong or missing token is 401, which says which of them, whatever else is asked', async () => {
    const { url } = await sharedService();
    for (const [authorization, reason] of [
      [undefined, 'TOKEN_MISSING'],
      ['Bearer wrong', 'TOKEN_UNKNOWN'],
      [`Basic ${TOKEN}`, 'TOKEN_MISSING'],
      [`Bearer ${TOKEN}x`, 'TOKEN_UNKNOWN'],
    ] as const) {
      const response = await fetch(`${url}/integrations`, {
        headers: authorization ? { authorization } : {},
      });
      expect(response.status).to.equal(401);
      expect(response.headers.get('www-authenticate')).to.equal('Bearer');
      const body = (await response.json()) as { code: string; details: { debug: { reason: string } }[] };
      expect([body.code, body.details[0]?.debug.reason]).to.deep.equal(['unauthenticated', reason]);
    }
  });

  it('name the values of an enum, never its numbers', async () => {
    const id = '7a3c1f0e-52b4-4c8e-9d0a-0f6f3c1f2b11';
    const said = async (method: string, path: string, body?: object) =>
      (await call(method, path, body)).body.message as string;
    expect(await said('POST', `/integrations/${id}/sync`, { entityType: 99 })).to.equal(
      'entityType: must be one of COURSE, GROUP, STUDENT, TEACHER, ALL',
    );
    expect(await said('PATCH', `/integrations/${id}`, { status: 12 })).to.equal(
      'status: must be one of ACTIVE, INACTIVE',
    );
    expect(await said('GET', `/integrations/${id}/mappings/ALL/${id}`)).to.equal(
      'entityType: must be one of COURSE, GROUP, STUDENT, TEACHER',
    );
  });

  it('a body over 4 MiB is 413, resource_exhausted', async () => {
    const { status, body } = await call(
      'POST',
      '/integrations',
      JSON.stringify({ provider: 'x'.repeat(4 * 1024 * 1024) }),
    );
    expect([status, body.code]).to.deep.equal([413, 'resource_exhausted']);
  });

  it('takes a request id over, or makes one', async () => {
    expect(
      (await call('GET', '/providers', undefined, { 'X-Request-Id': 'abc-1' })).headers.get('x-request-id'),
    ).to.equal('abc-1');
    expect(
      (await call('GET', '/providers', undefined, { 'X-Request-Id': 'a b' })).headers.get('x-request-id'),
    ).to.match(UUID);
    expect((await call('GET', `/integrations/${id}`)).headers.get('x-request-id')).to.match(UUID);
  });

  it('an error found before a call is reached says why for programs, and has the request id, like any other', async () => {
    const { status, body, headers } = await call('POST', '/integrations', '{', { 'X-Request-Id': 'abc-2' });
    expect([status, body.code, headers.get('x-request-id')]).to.deep.equal([
      400,
      'invalid_argument',
      'abc-2',
    ]);
    const reasons = body.details.map(({ debug }: { debug: { reason?: string } }) => debug.reason);
    expect(reasons).to.include('MALFORMED_REQUEST');
    expect(
      (await call('GET', '/nothing', undefined, { 'X-Request-Id': 'abc-3' })).headers.get('x-request-id'),
    ).to.equal('abc-3');
  });
});
