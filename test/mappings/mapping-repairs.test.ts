import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { MappingEntityType } from '../../src/index.js';
import { rest, sharedService } from '../support/service.js';
import { newSchool, newSession, sharedServices } from '../support/services.js';

const { GROUP, STUDENT } = MappingEntityType;
const HEADER = 'id,nombres,código';

async function schoolOf(rows: string[]) {
  const { integrationService, mappingService, rosterService } = await sharedServices();
  const school = await newSchool({
    'groups.csv': 'id,nombre\nG1,1A\nG2,1B\n',
    'students.csv': [HEADER, ...rows].join('\n'),
    'memberships.csv': 'grupo_id,persona_id\nG1,A\nG2,B\n',
  });
  const sync = () => integrationService.syncData(school.integrationId, STUDENT);
  await integrationService.syncData(school.integrationId, GROUP);
  await sync();
  const of = { integrationId: school.integrationId, entityType: STUDENT };
  const idOf = async (externalId: string) =>
    (
      await mappingService
        .getMappingByExternalId(school.integrationId, STUDENT, externalId)
        .catch(() => undefined)
    )?.internalId;
  const put = (next: string[]) => school.write({ 'students.csv': [HEADER, ...next].join('\n') });
  const history = async (externalId: string, at?: Date) =>
    (await mappingService.repairs.history({ ...of, externalId }, { at })).items.map(({ action }) => action);
  return {
    ...school,
    of,
    sync,
    idOf,
    put,
    history,
    repairs: mappingService.repairs,
    rosterService,
    integrationService,
  };
}

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'done',
    (error: { code: string }) => error.code,
  );

describe('repairs of the map of ids', () => {
  it('follow the school when it changes an id: the next sync finds the same person', async () => {
    const school = await schoolOf(['A,Ana,', 'B,Eva,']);
    const before = await school.idOf('A');
    await school.repairs.rekey({
      ...school.of,
      externalId: 'A',
      newExternalId: 'A-2026',
      reason: 'new numbers',
    });
    expect([await school.idOf('A'), await school.idOf('A-2026')]).to.deep.equal([undefined, before]);
    await school.put(['A-2026,Ana María,', 'B,Eva,']);
    expect((await school.sync()).counts).to.deep.include({
      created: 0,
      updated: 1,
      unchanged: 1,
      missing: 0,
    });
    const [entry, ...older] = (
      await school.repairs.history({ ...school.of, internalId: before })
    ).items.filter(({ action }) => action !== 'UPDATE');
    expect(entry).to.deep.include({
      action: 'REKEY',
      runKind: 'MANUAL',
      formerExternalId: 'A',
      externalId: 'A-2026',
      reason: 'new numbers',
    });
    expect(older.map(({ action }) => action)).to.deep.equal(['CREATE']);
  });

  it('do not take an id from somebody else, nor from nobody', async () => {
    const school = await schoolOf(['A,Ana,', 'B,Eva,']);
    expect(
      await codeOf(school.repairs.rekey({ ...school.of, externalId: 'A', newExternalId: 'B' })),
    ).to.equal('already_exists');
    expect(
      await codeOf(school.repairs.rekey({ ...school.of, externalId: 'X', newExternalId: 'Y' })),
    ).to.equal('not_found');
    expect(await codeOf(school.repairs.unlink({ ...school.of, externalId: 'X' }))).to.equal('not_found');
    expect((await school.sync()).counts).to.deep.include({ unchanged: 2 });
  });

  it('take a mapping away; the next sync matches the person again', async () => {
    const school = await schoolOf(['A,Ana,C-1', 'B,Eva,']);
    const before = await school.idOf('A');
    await school.repairs.unlink({ ...school.of, externalId: 'A' });
    expect(await school.idOf('A')).to.equal(undefined);
    expect((await school.sync()).counts).to.deep.include({ created: 0, updated: 1 });
    expect(await school.idOf('A')).to.equal(before);
    expect(await school.history('A')).to.deep.equal(['LINK', 'UNLINK', 'CREATE']);
  });

  it('say who somebody was at a moment', async () => {
    const school = await schoolOf(['A,Ana,', 'B,Eva,']);
    const between = new Date();
    await school.repairs.unlink({ ...school.of, externalId: 'A' });
    expect(await school.history('A', between)).to.deep.equal(['CREATE']);
    expect(await school.history('A', new Date(Date.now() + 60_000))).to.deep.equal(['UNLINK']);
    expect(await school.history('A', new Date(0))).to.deep.equal([]);
  });

  it('make one person of two: marks, groups and the mapping go over, the other becomes inactive, and does not come back', async () => {
    const school = await schoolOf(['A,Ana,', 'B,Ana,']);
    const [a, b] = [(await school.idOf('A')) as string, (await school.idOf('B')) as string];
    const session = await newSession(school, { group: 'G2' }, { B: 'LATE' });
    const merge = { ...school.of, keepInternalId: a, dropInternalId: b };
    expect(await codeOf(school.repairs.merge(merge))).to.equal('failed_precondition');
    await school.repairs.merge({ ...merge, keepExternalId: 'A', reason: 'entered twice' });
    expect((await school.rosterService.getStudent(school.institutionId, b)).active).to.equal(false);
    const { records } = await school.rosterService.getClassSession(school.institutionId, session.id);
    expect(records.map(({ studentId, status }) => [studentId, status])).to.deep.equal([[a, 'LATE']]);
    const { items } = await school.rosterService.listMemberships({ institutionId: school.institutionId });
    expect(items.map(({ personId }) => personId)).to.deep.equal([a, a]);
    const report = await school.sync();
    expect(report.counts).to.deep.include({ created: 0, conflicts: 1, missing: 0, deactivated: 0 });
    expect([await school.idOf('A'), await school.idOf('B')]).to.deep.equal([a, undefined]);
  });

  it('keep the id that the source still has when two are made one', async () => {
    const school = await schoolOf(['A,Ana,', 'B,Ana,']);
    const [a, b] = [(await school.idOf('A')) as string, (await school.idOf('B')) as string];
    await school.put(['B,Ana,']);
    await school.sync();
    await school.repairs.merge({ ...school.of, keepInternalId: a, dropInternalId: b });
    expect([await school.idOf('A'), await school.idOf('B')]).to.deep.equal([undefined, a]);
    expect((await school.sync()).counts).to.deep.include({ created: 0, missing: 0, conflicts: 0 });
  });

  it('keep in the audit, mark by mark, what the kept one has a mark of its own instead of', async () => {
    const { auditService } = await sharedServices();
    const school = await schoolOf(['A,Ana,', 'B,Ana,']);
    const [a, b] = [(await school.idOf('A')) as string, (await school.idOf('B')) as string];
    const both = await newSession(school, { group: 'G1' }, { A: 'ABSENT', B: 'PRESENT' });
    const one = await newSession(school, { group: 'G2' }, { B: 'LATE' });
    const ids = { keepInternalId: a, dropInternalId: b, keepExternalId: 'A' };
    await school.repairs.merge({ ...school.of, ...ids });
    const { records } = await school.rosterService.getClassSession(school.institutionId, both.id);
    expect(records.map(({ studentId, status }) => [studentId, status])).to.deep.equal([[a, 'ABSENT']]);
    const { institutionId } = school;
    const { items } = await auditService.listEvents({ institutionId, action: 'mapping.repaired' });
    const replaced = [{ sessionId: both.id, mark: { status: 'PRESENT' }, by: { status: 'ABSENT' } }];
    expect(items[0]?.after)
      .to.have.property('marks')
      .that.deep.equals({ moved: 1, sessionIds: [one.id], replaced });
  });

  it('make one of two although a broken export lacked one of them: it does not come back as a third', async () => {
    const school = await schoolOf(['A,Ana,', 'B,Ana,']);
    const [a, b] = [(await school.idOf('A')) as string, (await school.idOf('B')) as string];
    await school.put(['A,Ana,']);
    await school.sync();
    await school.repairs.merge({ ...school.of, keepInternalId: a, dropInternalId: b });
    for (const rows of [['A,Ana,'], ['A,Ana,', 'B,Ana,'], ['A,Ana,', 'B,Ana María,']]) {
      await school.put(rows);
      const { counts } = await school.sync();
      expect(counts).to.deep.include({ created: 0, missing: 0, conflicts: rows.length - 1 });
    }
    expect([await school.idOf('A'), await school.idOf('B')]).to.deep.equal([a, undefined]);
  });

  it('name what is not there', async () => {
    const school = await schoolOf(['A,Ana,', 'B,Eva,']);
    const a = (await school.idOf('A')) as string;
    expect(
      await codeOf(school.repairs.merge({ ...school.of, keepInternalId: a, dropInternalId: randomUUID() })),
    ).to.equal('invalid_argument');
    expect(
      await codeOf(school.repairs.merge({ ...school.of, keepInternalId: a, dropInternalId: a })),
    ).to.equal('invalid_argument');
  });

  it('wait for a sync that is under way, and cannot be taken back as if they were one', async () => {
    const { database } = await sharedServices();
    const school = await schoolOf(['A,Ana,', 'B,Eva,']);
    const runId = randomUUID();
    const key = [school.integrationId, runId, school.institutionId];
    await database.execute(
      `INSERT INTO sync_runs (integration_id, id, institution_id, entity_type, owner, lease_until) VALUES ($1, $2, $3, 'STUDENT', $2, now() + interval '1 hour')`,
      key,
    );
    expect(await codeOf(school.repairs.unlink({ ...school.of, externalId: 'A' }))).to.equal('aborted');
    await database.execute(
      `UPDATE sync_runs SET status = 'FAILED' WHERE integration_id = $1 AND id = $2`,
      key.slice(0, 2),
    );
    await school.repairs.unlink({ ...school.of, externalId: 'A' });
    const [run] = (await school.integrationService.listSyncRuns(school.integrationId)).items;
    expect(run).to.deep.include({ kind: 'MANUAL', status: 'COMPLETED' });
    expect(
      await codeOf(school.integrationService.rollbackSync(school.integrationId, run?.id as string)),
    ).to.equal('failed_precondition');
  });

  it('come over REST', async () => {
    const { url } = await sharedService();
    const body = {
      institutionId: randomUUID(),
      provider: 'IDUKAY',
      credentials: { apiKey: 'k', institutionCode: 'CSM' },
    };
    const { id } = (await rest(url, 'POST', '/integrations', body)).body;
    const student = (user: string) => ({
      name: 'Ana',
      surname: 'Soto',
      metadata: { role: 'student', school: user, user },
    });
    const hex = (n: number) => n.toString(16).padStart(24, '0');
    const { path } = (await rest(url, 'POST', `/integrations/${id}/push-secret`, {})).body;
    await rest(url, 'POST', path, student(hex(1)));
    const rekey = { entityType: 'STUDENT', externalId: hex(1), newExternalId: hex(2), reason: 'moved' };
    expect((await rest(url, 'POST', `/integrations/${id}/mappings/rekey`, rekey)).body).to.deep.include({
      externalId: hex(2),
    });
    const history = (
      await rest(url, 'GET', `/integrations/${id}/mapping-history?entityType=STUDENT&externalId=${hex(2)}`)
    ).body;
    expect(
      history.map(({ action, formerExternalId }: Record<string, unknown>) => [action, formerExternalId]),
    ).to.deep.equal([['REKEY', hex(1)]]);
    const unlink = { entityType: 'STUDENT', externalId: hex(2) };
    expect((await rest(url, 'POST', `/integrations/${id}/mappings/unlink`, unlink)).status).to.equal(204);
    expect(
      (await rest(url, 'GET', `/integrations/${id}/mappings/STUDENT/external/${hex(2)}`)).status,
    ).to.equal(404);
  });
});
