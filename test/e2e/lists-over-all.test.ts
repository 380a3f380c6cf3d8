import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { expect } from 'chai';
import { Integration_Status } from '../../gen/smartid/integrations/v1/integration_pb.js';
import { IntegrationService } from '../../gen/smartid/integrations/v1/integration_service_pb.js';
import { MappingEntityType } from '../../gen/smartid/integrations/v1/mapping_pb.js';
import { SyncRun_Status } from '../../gen/smartid/integrations/v1/sync_pb.js';
import { AttendanceRecord_Status } from '../../gen/smartid/roster/v1/class_session_pb.js';
import { grpcCall } from '../support/grpc-call.js';
import { rest, sharedService, TOKEN } from '../support/service.js';

const { method } = IntegrationService;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;

async function get(path: string) {
  const { url } = await sharedService();
  const answer = await rest(url, 'GET', path);
  expect(answer.status, JSON.stringify(answer.body)).to.equal(200);
  return answer;
}

/** A school whose CSV files are these, synced once; a folder without files fails. */
async function school(files: Record<string, string>) {
  const { url, files: root } = await sharedService();
  const institutionId = randomUUID();
  await mkdir(join(root, institutionId, 'out'), { recursive: true });
  for (const [name, text] of Object.entries(files)) await writeFile(join(root, institutionId, name), text);
  const config = { importPath: institutionId, exportPath: `${institutionId}/out` };
  const { body } = await rest(url, 'POST', '/integrations', {
    institutionId,
    provider: 'GENERIC_CSV',
    config,
  });
  const id = body.id as string;
  const sync = async (entityType: string) =>
    (await rest(url, 'POST', `/integrations/${id}/sync`, { entityType })).body;
  return { id, institutionId, sync, created: body };
}

const GOOD = { 'groups.csv': 'id,nombre\nG1,1A\n', 'students.csv': 'id,nombres,grupo\n1,Ana,G1\n2,Eva,G1\n' };

describe('lists over all integrations', () => {
  it('GET /integrations?status=&provider= has those that fit, a page at a time, and gRPC the same', async () => {
    const { url } = await sharedService();
    const schools = [await school(GOOD), await school({}), await school({})];
    for (const { sync } of schools) await sync('STUDENT');
    const failed = [schools[1]?.id, schools[2]?.id];
    const found: string[] = [];
    let path: string | undefined = '/integrations?status=error&provider=generic_csv&pageSize=1';
    while (path) {
      const { body, headers } = await get(path);
      expect(body).to.have.length(1);
      expect(body[0].status).to.equal('ERROR');
      found.push(body[0].id);
      path = /<([^>]+)>; rel="next"/.exec(headers.get('link') ?? '')?.[1];
    }
    expect(found).to.include.members(failed).and.not.include(schools[0]?.id);
    // Other tests of the same service may have left some.
    const ofMoodle: { id: string; provider: string }[] = (
      await get('/integrations?provider=MOODLE&status=ERROR&pageSize=1000')
    ).body;
    expect(ofMoodle.filter(({ provider }) => provider !== 'MOODLE')).to.deep.equal([]);
    const { integrations } = await grpcCall(url, method.listIntegrations, {
      status: Integration_Status.ERROR,
      provider: 'GENERIC_CSV',
      pageSize: 1_000,
    });
    expect(integrations.map(({ id }) => id))
      .to.include.members(failed)
      .and.not.include(schools[0]?.id);
    const { institutionId, id } = schools[1] as (typeof schools)[number];
    const ofOne = (await get(`/integrations?institutionId=${institutionId}&status=ERROR`)).body;
    expect(ofOne.map((one: { id: string }) => one.id)).to.deep.equal([id]);
  });

  it('GET /runs has the runs of all, by status, provider, entity type and time, and gRPC the same', async () => {
    const { url } = await sharedService();
    const good = await school(GOOD);
    const bad = await school({});
    await good.sync('GROUP');
    await good.sync('STUDENT');
    await bad.sync('STUDENT');
    const list = async (query: string) => (await get(`/runs?pageSize=1000&${query}`)).body;
    const idsOf = (runs: { integrationId: string }[]) => new Set(runs.map((run) => run.integrationId));
    const failed = await list('status=failed&provider=GENERIC_CSV');
    expect(failed[0]).to.deep.include({
      integrationId: bad.id,
      institutionId: bad.institutionId,
      provider: 'GENERIC_CSV',
      status: 'FAILED',
    });
    expect(idsOf(failed)).to.not.include(good.id);
    const groups = await list(`entityType=GROUP&institutionId=${good.institutionId}`);
    expect(groups).to.have.length(1);
    const [group] = groups;
    const after = await list(`institutionId=${good.institutionId}&startedFrom=${group.finishedAt}`);
    expect(after.map((run: { entityType: string }) => run.entityType)).to.deep.equal(['STUDENT']);
    const before = await list(`institutionId=${good.institutionId}&startedBefore=${group.finishedAt}`);
    expect(before).to.deep.equal(groups);
    expect(await list('provider=NOBODY')).to.deep.equal([]);
    const { runs, nextPageToken } = await grpcCall(url, method.listSyncRuns, {
      status: SyncRun_Status.FAILED,
      institutionId: bad.institutionId,
    });
    expect(runs.map(({ integrationId }) => integrationId)).to.deep.equal([bad.id]);
    expect(nextPageToken).to.equal('');
    const ofOne = (await get(`/integrations/${good.id}/runs?status=COMPLETED&entityType=STUDENT`)).body;
    expect(ofOne.map((run: { entityType: string }) => run.entityType)).to.deep.equal(['STUDENT']);
    const empty = await rest(url, 'GET', `/integrations/${randomUUID()}/runs?status=FAILED`);
    expect(empty.status).to.equal(404);
  });

  it('refuse filters that cannot be, with the name of the field', async () => {
    const { url } = await sharedService();
    for (const [path, field] of [
      ['/runs?status=LOST', 'status'],
      ['/runs?provider=no%20such', 'provider'],
      ['/runs?institutionId=7', 'institutionId'],
      ['/runs?startedFrom=yesterday', 'startedFrom'],
      ['/runs?startedFrom=2026-02-02T00:00:00Z&startedBefore=2026-02-01T00:00:00Z', 'startedBefore'],
      ['/runs?pageToken=bm8', 'pageToken'],
      ['/integrations?status=5', 'status'],
      ['/integrations?provider=%00', 'provider'],
    ] as const) {
      const { status, body } = await rest(url, 'GET', path);
      expect([status, body.code], path).to.deep.equal([400, 'invalid_argument']);
      expect(body.message, path).to.contain(field);
    }
  });

  it('need the token', async () => {
    const { url } = await sharedService();
    for (const path of ['/runs', '/keys', '/integrations'])
      expect((await fetch(url + path)).status, path).to.equal(401);
    expect((await fetch(`${url}/keys/rotate`, { method: 'POST' })).status).to.equal(401);
  });
});

describe('the names of the contract', () => {
  const connect = async () => {
    const { url } = await sharedService();
    return createClient(
      IntegrationService,
      createConnectTransport({
        baseUrl: url,
        httpVersion: '1.1',
        interceptors: [
          (next) => (request) => {
            request.header.set('Authorization', `Bearer ${TOKEN}`);
            return next(request);
          },
        ],
      }),
    );
  };

  it('ListMappings pages through the mappings, and GetMappings is the same under its former name', async () => {
    const { url } = await sharedService();
    const { id, sync } = await school(GOOD);
    await sync('STUDENT');
    const client = await connect();
    const request = { id, entityType: MappingEntityType.STUDENT, pageSize: 1 };
    const first = await client.listMappings(request);
    expect(first.mappings.map(({ externalId }) => externalId)).to.deep.equal(['1']);
    const second = await grpcCall(url, method.listMappings, { ...request, pageToken: first.nextPageToken });
    expect(second.mappings.map(({ externalId }) => externalId)).to.deep.equal(['2']);
    expect(second.nextPageToken).to.equal('');
    const former = await client.getMappings(request);
    expect(former.mappings).to.deep.equal(first.mappings);
    expect(former.nextPageToken).to.equal(first.nextPageToken);
    const error = await client.listMappings({ id: randomUUID() }).catch((thrown: unknown) => thrown);
    expect(ConnectError.from(error).code).to.equal(Code.NotFound);
  });

  it('what was renamed has both names, with one value', async () => {
    const { url } = await sharedService();
    const { id, institutionId, sync } = await school(GOOD);
    for (const type of ['GROUP', 'STUDENT']) await sync(type);
    const logs = (await get(`/integrations/${id}/logs`)).body;
    expect([logs.mappingsCount, logs.mappingCount]).to.deep.equal([3, 3]);
    const { checks } = (await rest(url, 'POST', `/integrations/${id}/test`)).body;
    for (const { ok, success } of checks) expect(success).to.equal(ok);
    const [{ id: groupId }] = (await get(`/institutions/${institutionId}/groups`)).body;
    const [{ id: studentId }] = (await get(`/institutions/${institutionId}/students`)).body;
    const session = `/institutions/${institutionId}/class-sessions/${randomUUID()}`;
    const times = { startsAt: '2026-03-02T11:00:00Z', endsAt: '2026-03-02T12:00:00Z' };
    await rest(url, 'PUT', session, { groupId, ...times });
    await rest(url, 'POST', `${session}/attendance`, { records: [{ studentId, status: 'LATE' }] });
    const sessionId = session.split('/').at(-1) as string;
    await rest(url, 'POST', `/integrations/${id}/send-attendance`, { sessionId });
    const [delivery] = (await get(`/integrations/${id}/deliveries`)).body;
    expect([delivery.mark, delivery.attendanceStatus]).to.deep.equal(['LATE', 'LATE']);
    const { deliveries } = await grpcCall(url, method.listDeliveries, { id });
    expect(deliveries[0]?.attendanceStatus).to.equal(AttendanceRecord_Status.LATE);
    const [{ id: runId }] = (await get(`/integrations/${id}/runs`)).body;
    const [change] = (await get(`/integrations/${id}/runs/${runId}/changes`)).body;
    expect(change.number).to.equal(1).and.to.equal(change.seq);
    const history = `/integrations/${id}/mapping-history?entityType=STUDENT&externalId=1`;
    const [entry] = (await get(history)).body;
    expect(entry.changedAt).to.match(TIME).and.to.equal(entry.at);
    const [provider] = (await get('/providers')).body;
    expect(provider.syncedEntityTypes).to.deep.equal(provider.entityTypes);
    const { run } = (await rest(url, 'POST', `/integrations/${id}/runs/${runId}/rollback`)).body;
    expect([run.rolledBackRunId, run.rollsBack]).to.deep.equal([runId, runId]);
  });
});

describe('JSON answers', () => {
  /** All that the answers about a school have, in the texts they come as. */
  async function answers(ask: (rpc: string, path: string, request: object) => Promise<string>) {
    const { url } = await sharedService();
    const { id, institutionId, sync } = await school(GOOD);
    await sync('GROUP');
    const { runId } = await sync('STUDENT');
    const [{ id: groupId }] = (await get(`/institutions/${institutionId}/groups`)).body;
    const [{ id: studentId }] = (await get(`/institutions/${institutionId}/students`)).body;
    const sessionId = randomUUID();
    const session = `/institutions/${institutionId}/class-sessions/${sessionId}`;
    const times = { startsAt: '2026-03-02T11:00:00Z', endsAt: '2026-03-02T12:00:00Z' };
    await rest(url, 'PUT', session, { groupId, ...times });
    await rest(url, 'POST', `${session}/attendance`, { records: [{ studentId, status: 'LATE' }] });
    return Promise.all([
      // `outcome` of a change that is carried out, `origin` and `source` of a mark are not set.
      ask('integrations.v1.IntegrationService/ListSyncChanges', `/integrations/${id}/runs/${runId}/changes`, {
        id,
        runId,
      }),
      ask('roster.v1.RosterService/GetClassSession', session, { institutionId, id: sessionId }),
      ask('integrations.v1.IntegrationService/GetSyncLogs', `/integrations/${id}/logs`, { id }),
    ]);
  }

  it('over REST leave out enum fields that are not set', async () => {
    const texts = await answers(async (_, path) => JSON.stringify((await get(path)).body));
    expect(texts[0]).to.contain('"action":"CREATE"');
    expect(texts[1]).to.contain('"status":"LATE"');
    for (const text of texts) expect(text).to.not.contain('UNSPECIFIED');
  });

  it('of Connect leave out enum fields that are not set', async () => {
    const { url } = await sharedService();
    const texts = await answers(async (rpc, _, request) => {
      const answer = await fetch(`${url}/smartid.${rpc}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
        body: JSON.stringify(request),
      });
      expect(answer.status).to.equal(200);
      return answer.text();
    });
    expect(texts[0]).to.contain('"action":"CREATE"');
    expect(texts[1]).to.contain('"status":"LATE"');
    for (const text of texts) expect(text).to.not.contain('UNSPECIFIED');
  });

  it('over REST have the documented fields that may be null: before the first sync, and after it', async () => {
    const { id, institutionId, created, sync } = await school(GOOD);
    const before = { lastSyncAt: null, lastError: null };
    expect(created).to.deep.include(before);
    expect((await get(`/integrations/${id}`)).body).to.deep.include(before);
    expect((await get(`/integrations?institutionId=${institutionId}`)).body[0]).to.deep.include(before);
    expect((await get(`/integrations/${id}/logs`)).body.lastSyncAt).to.equal(null);
    await sync('STUDENT');
    const after = (await get(`/integrations/${id}`)).body;
    expect(after.lastSyncAt).to.match(TIME);
    expect(after.lastError).to.equal(null);
    expect((await get(`/integrations/${id}/logs`)).body.lastSyncAt).to.equal(after.lastSyncAt);
  });
});
