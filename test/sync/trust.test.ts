import { expect } from 'chai';
import { MappingEntityType } from '../../src/index.js';
import { newSchool, sharedServices } from '../support/services.js';

const { STUDENT } = MappingEntityType;
const HEADER = 'id,nombres,apellidos,estado';

type Row = { id: string; name?: string; state?: string };

const file = (rows: readonly Row[]) =>
  [HEADER, ...rows.map(({ id, name = 'Ana', state = 'ACTIVO' }) => `${id},${name},Soto ${id},${state}`)].join(
    '\n',
  );
const people = (count: number, prefix = 'E'): Row[] =>
  Array.from({ length: count }, (_, i) => ({ id: `${prefix}${i + 1}` }));

/** A school with these students, synced once. */
async function schoolOf(rows: readonly Row[], policy?: Record<string, unknown>) {
  const { integrationService, rosterService, mappingService } = await sharedServices();
  const school = await newSchool({ 'students.csv': file(rows) });
  const { integrationId, institutionId } = school;
  if (policy) await integrationService.updateIntegration(integrationId, { policy });
  expect((await integrationService.syncData(integrationId, STUDENT)).success).to.equal(true);
  const put = (next: readonly Row[] | string) =>
    school.write({ 'students.csv': typeof next === 'string' ? next : file(next) });
  const sync = (guard?: { deactivatedPercent?: number; changedPercent?: number; reason: string }) =>
    integrationService.syncData(integrationId, STUDENT, { guard });
  const roster = async () => {
    const active = new Map<string, boolean>();
    for (let pageToken: string | undefined = ''; pageToken !== undefined; ) {
      const page = await rosterService.listStudents({ institutionId, pageSize: 1_000, pageToken });
      for (const student of page.items) active.set(student.familyName.replace('Soto ', ''), student.active);
      pageToken = page.nextPageToken || undefined;
    }
    return active;
  };
  const activeIds = async () => [...(await roster())].filter(([, active]) => active).map(([id]) => id);
  const statusOf = async (id: string) =>
    (await mappingService.getMappingByExternalId(integrationId, STUDENT, id)).status;
  return { ...school, put, sync, roster, activeIds, statusOf, integrationService };
}

describe('a roster', () => {
  const everybody = people(100);
  const cases: [what: string, next: readonly Row[] | string, reason: RegExp][] = [
    ['half a file', everybody.slice(0, 50), /^Held: 50 of 100 \(50 %\) students would go, more than 10 %/],
    [
      'a file with nothing but its header',
      `${HEADER}\n`,
      /^Held: not one student was read, where 100 are known/,
    ],
    ['the file of another school', people(100, 'X'), /^Held: 100 of 100 \(100 %\) students would go/],
    [
      'other ids for everybody',
      everybody.map(({ id }) => ({ id: `2026-${id}` })),
      /^Held: 100 of 100 \(100 %\) students would go/,
    ],
    [
      'a file where everybody is inactive',
      everybody.map((row) => ({ ...row, state: 'RETIRADO' })),
      /^Held: 100 of 100 .* would go/,
    ],
    ['a file without 11 of 100', everybody.slice(11), /^Held: 11 of 100 \(11 %\) students would go/],
    [
      'a file where 76 of 100 have another name',
      everybody.map((row, i) => (i < 76 ? { ...row, name: 'Eva' } : row)),
      /^Held: 76 of 100 \(76 %\) students would change, more than 75 %/,
    ],
  ];
  for (const [what, next, reason] of cases) {
    it(`is not touched by ${what}: the plan is held, and says why`, async () => {
      const school = await schoolOf(everybody);
      await school.put(next);
      const report = await school.sync();
      expect(report).to.deep.include({ success: false, status: 'HELD', synced: 0 });
      expect(report.errors[0]).to.match(reason);
      const run = await school.integrationService.getSyncRun(school.integrationId, report.runId);
      expect(run).to.deep.include({ status: 'HELD', error: report.errors[0] });
      expect((await school.activeIds()).length).to.equal(100);
      expect((await school.roster()).size).to.equal(100);
      const integration = await school.integrationService.getIntegration(school.integrationId);
      expect(integration).to.deep.include({ status: 'ACTIVE', lastError: null });
    });
  }

  it('is not touched by an empty file: the source has failed', async () => {
    const school = await schoolOf(everybody);
    await school.put('');
    const report = await school.sync();
    expect(report).to.deep.include({ success: false, status: 'FAILED' });
    expect(report.errors[0]).to.match(/students\.csv/);
    expect((await school.activeIds()).length).to.equal(100);
  });

  it('loses 9 of 100 who are missing twice: first they count as missing, then they are inactive, never deleted', async () => {
    const school = await schoolOf(everybody);
    await school.put(everybody.slice(9));
    expect((await school.sync()).counts).to.deep.include({ unchanged: 91, missing: 9, deactivated: 0 });
    expect(await school.statusOf('E1')).to.equal('MISSING');
    expect((await school.activeIds()).length).to.equal(100);
    expect((await school.sync()).counts).to.deep.include({ unchanged: 91, missing: 9, deactivated: 9 });
    expect((await school.activeIds()).length).to.equal(91);
    expect((await school.roster()).size).to.equal(100);
    expect((await school.sync()).counts).to.deep.include({ missing: 9, deactivated: 0 });
  });

  it('gets them back under the same ids when the source has them again', async () => {
    const school = await schoolOf(everybody, { graceRuns: 0 });
    const { mappingService } = await sharedServices();
    const before = await mappingService.getMappingByExternalId(school.integrationId, STUDENT, 'E1');
    await school.put(everybody.slice(9));
    expect((await school.sync()).counts).to.deep.include({ deactivated: 9 });
    await school.put(everybody);
    expect((await school.sync()).counts).to.deep.include({
      created: 0,
      updated: 9,
      unchanged: 91,
      missing: 0,
    });
    const after = await mappingService.getMappingByExternalId(school.integrationId, STUDENT, 'E1');
    expect(after).to.deep.include({ internalId: before.internalId, status: 'ACTIVE' });
    expect((await school.activeIds()).length).to.equal(100);
  });

  it('keeps people for as many complete readings as graceRuns says', async () => {
    const school = await schoolOf(everybody, { graceRuns: 3 });
    await school.put(everybody.slice(1));
    for (const run of [1, 2, 3]) expect((await school.sync()).counts.deactivated, `run ${run}`).to.equal(0);
    expect((await school.sync()).counts.deactivated).to.equal(1);
  });

  it('obeys a source that says "inactive" at once', async () => {
    const school = await schoolOf(everybody);
    await school.put(everybody.map((row, i) => (i < 9 ? { ...row, state: 'RETIRADO' } : row)));
    expect((await school.sync()).counts).to.deep.include({ updated: 9, deactivated: 9, missing: 0 });
    expect((await school.activeIds()).length).to.equal(91);
  });

  for (const [what, extra] of [
    ['a row without an id', ',Eva,Paz,ACTIVO'],
    ['an id that came twice', 'E50,Otra,Persona,ACTIVO'],
    ['a row of too few columns', 'E77'],
  ] as const) {
    it(`keeps people where ${what} leaves in the dark who is missing, and says so`, async () => {
      const school = await schoolOf(everybody, { graceRuns: 0 });
      await school.put(`${file(everybody.slice(1))}\n${extra}\n`);
      const report = await school.sync();
      expect(report.counts).to.deep.include({ missing: 1, deactivated: 0 });
      expect(report.success).to.equal(true);
      expect(report.gaps).to.have.length(1);
      expect(await school.statusOf('E1')).to.equal('ACTIVE');
      const { evidence } = await school.integrationService.getSyncRun(school.integrationId, report.runId);
      expect(evidence).to.deep.include({ rows: 100, ended: true, gaps: report.gaps });
    });
  }

  it('of few people is not held by few of them', async () => {
    const school = await schoolOf(people(20), { graceRuns: 0 });
    await school.put(people(16));
    expect((await school.sync()).counts).to.deep.include({ deactivated: 4 });
  });

  it('lets a run go on with thresholds of its own, for a reason that is kept', async () => {
    const school = await schoolOf(everybody, { graceRuns: 0 });
    await school.put(everybody.slice(30));
    const report = await school.sync({ deactivatedPercent: 40, reason: 'fourth grade has left' });
    expect(report.counts).to.deep.include({ deactivated: 30 });
    const { guard } = await school.integrationService.getSyncRun(school.integrationId, report.runId);
    expect(guard).to.deep.equal({ deactivatedPercent: 40, reason: 'fourth grade has left' });
    await school.put(everybody.slice(60));
    expect(await school.sync()).to.deep.include({ status: 'HELD' });
  });

  it('can be given thresholds of its own', async () => {
    const school = await schoolOf(everybody, { graceRuns: 0, guard: { deactivatedPercent: 50 } });
    await school.put(everybody.slice(50));
    expect((await school.sync()).counts).to.deep.include({ deactivated: 50 });
    await school.put(`${HEADER}\n`);
    expect(
      await school.sync({ deactivatedPercent: 100, changedPercent: 100, reason: 'all gone' }),
    ).to.deep.include({
      status: 'HELD',
    });
  });
});

describe('a held plan', () => {
  it('is applied exactly as it was shown when a person approves it', async () => {
    const school = await schoolOf(people(40), { graceRuns: 0 });
    await school.put([...people(20), { id: 'N1' }]);
    const { runId } = await school.sync();
    const { items } = await school.integrationService.listSyncChanges(school.integrationId, runId, {
      pageSize: 1_000,
    });
    expect(items.map(({ action }) => action).sort()).to.deep.equal(
      ['CREATE', ...Array(20).fill('DEACTIVATE')].sort(),
    );
    // The source is not asked again.
    await school.put(people(1));
    const report = await school.integrationService.approveSync(school.integrationId, runId, 'they have left');
    expect(report).to.deep.include({ success: true, status: 'COMPLETED', runId });
    expect((await school.activeIds()).sort()).to.deep.equal([...people(20).map(({ id }) => id), 'N1'].sort());
    const run = await school.integrationService.getSyncRun(school.integrationId, runId);
    expect(run).to.deep.include({ status: 'COMPLETED', decision: 'they have left', error: null });
    expect((await school.integrationService.getIntegration(school.integrationId)).status).to.equal('ACTIVE');
  });

  it('leaves out what changed since, and shows it as moved', async () => {
    const { database } = await sharedServices();
    const school = await schoolOf(people(40), { graceRuns: 0 });
    await school.put(people(20));
    const { runId } = await school.sync();
    await database.execute(
      `UPDATE students SET active = false WHERE institution_id = $1 AND family_name = 'Soto E30'`,
      [school.institutionId],
    );
    const report = await school.integrationService.approveSync(school.integrationId, runId);
    expect(report.counts.moved).to.equal(1);
    const { items } = await school.integrationService.listSyncChanges(school.integrationId, runId, {
      outcome: 'MOVED',
    });
    expect(items).to.have.length(1);
    expect(items[0]).to.deep.include({ externalId: 'E30', before: { active: false }, outcome: 'MOVED' });
    expect(items[0]?.reason).to.equal('It was changed in the roster after the plan was made.');
    expect((await school.activeIds()).length).to.equal(20);
    expect(await school.statusOf('E30')).to.equal('ACTIVE');
  });

  it('is put away when a person discards it, and can then no longer be approved', async () => {
    const school = await schoolOf(people(40));
    await school.put(people(20));
    const { runId } = await school.sync();
    expect(
      await school.integrationService.discardSync(school.integrationId, runId, 'wrong file'),
    ).to.deep.include({
      status: 'DISCARDED',
      decision: 'wrong file',
    });
    const refused = await school.integrationService
      .approveSync(school.integrationId, runId)
      .catch((error: unknown) => error);
    expect(refused).to.deep.include({ code: 'failed_precondition' });
    expect((await school.activeIds()).length).to.equal(40);
  });

  it('gives way to the next reading of the source', async () => {
    const school = await schoolOf(people(40));
    await school.put(people(20));
    const { runId } = await school.sync();
    await school.put(people(40));
    expect(await school.sync()).to.deep.include({ success: true });
    expect(await school.integrationService.getSyncRun(school.integrationId, runId)).to.deep.include({
      status: 'DISCARDED',
    });
  });
});

describe('a preview', () => {
  it('says what a sync would do, and writes nothing', async () => {
    const { database } = await sharedServices();
    const school = await schoolOf(people(10));
    const state = () =>
      database.query(
        `SELECT 'student', t::text FROM students t WHERE institution_id = $1
         UNION ALL SELECT 'mapping', m::text FROM integration_mappings m WHERE integration_id = $2 ORDER BY 1, 2`,
        [school.institutionId, school.integrationId],
      );
    await school.put([...people(9), { id: 'E10', name: 'Eva' }, { id: 'N1' }]);
    const before = await state();
    const preview = await school.integrationService.previewSync(school.integrationId, STUDENT);
    expect(preview).to.deep.include({ success: true, status: 'PREVIEWED' });
    expect(preview.counts).to.deep.include({ created: 1, updated: 1, unchanged: 9 });
    const { items } = await school.integrationService.listSyncChanges(school.integrationId, preview.runId);
    expect(
      items.map(({ action, externalId, before: b, after }) => [
        action,
        externalId,
        b?.givenName,
        after?.givenName,
      ]),
    ).to.deep.equal([
      ['UPDATE', 'E10', 'Ana', 'Eva'],
      ['CREATE', 'N1', undefined, 'Ana'],
    ]);
    expect(await state()).to.deep.equal(before);
    const approved = await school.integrationService.approveSync(school.integrationId, preview.runId);
    expect(approved.counts).to.deep.include({ created: 1, updated: 1, moved: 0 });
    expect((await school.sync()).counts).to.deep.include({ created: 0, updated: 0, unchanged: 11 });
  });
});

describe('taking a run back', () => {
  const state = async (school: { institutionId: string; integrationId: string }) => {
    const { database } = await sharedServices();
    return database.query(
      `SELECT m.external_id, m.internal_id, m.missing_runs, t.given_name, t.active FROM integration_mappings m
       LEFT JOIN students t ON t.institution_id = $1 AND t.id = m.internal_id WHERE m.integration_id = $2
       UNION ALL SELECT NULL, t.id, NULL, t.given_name, t.active FROM students t WHERE institution_id = $1 ORDER BY 1, 2`,
      [school.institutionId, school.integrationId],
    );
  };

  it('restores fields, mappings and statuses, and can be taken back itself', async () => {
    const school = await schoolOf(people(100), { graceRuns: 0 });
    const before = await state(school);
    await school.put([
      ...people(100)
        .slice(5)
        .map((row, i) => (i < 3 ? { ...row, name: 'Eva' } : row)),
      { id: 'N1' },
      { id: 'N2' },
    ]);
    const { runId } = await school.sync();
    const changed = await state(school);
    const back = await school.integrationService.rollbackSync(school.integrationId, runId);
    expect(back).to.deep.include({ success: true, status: 'COMPLETED' });
    expect(back.counts).to.deep.include({ read: 10, failed: 0 });
    expect(await state(school)).to.deep.equal(before);
    await school.integrationService.rollbackSync(school.integrationId, back.runId);
    expect(await state(school)).to.deep.equal(changed);
  });

  it('refuses what was changed since, and what is in use, and lists it', async () => {
    const { database, rosterService } = await sharedServices();
    const school = await schoolOf(people(10));
    await school.put([
      { id: 'E1', name: 'Eva' },
      { id: 'E2', name: 'Eva' },
      ...people(10).slice(2),
      { id: 'N1' },
    ]);
    const { runId } = await school.sync();
    await database.execute(
      `UPDATE students SET given_name = 'Eva María' WHERE institution_id = $1 AND family_name = 'Soto E1'`,
      [school.institutionId],
    );
    const { items: students } = await rosterService.listStudents({ institutionId: school.institutionId });
    const fresh = students.find(({ familyName }) => familyName === 'Soto N1');
    await database.execute(
      `INSERT INTO attendance_records (institution_id, session_id, student_id, status) VALUES ($1, gen_random_uuid(), $2, 'PRESENT')`,
      [school.institutionId, fresh?.id],
    );
    const back = await school.integrationService.rollbackSync(school.integrationId, runId);
    expect(back.counts).to.deep.include({ read: 3, failed: 2, updated: 1 });
    const { items } = await school.integrationService.listSyncChanges(school.integrationId, back.runId, {
      outcome: 'REFUSED',
    });
    expect(items.map(({ externalId, reason }) => [externalId, reason]).sort()).to.deep.equal([
      ['E1', 'It was changed since.'],
      ['N1', 'It is in use: lessons, marks, groups or another integration refer to it.'],
    ]);
    const names = new Map(
      (await rosterService.listStudents({ institutionId: school.institutionId })).items.map((s) => [
        s.familyName,
        s.givenName,
      ]),
    );
    expect([names.get('Soto E1'), names.get('Soto E2'), names.get('Soto N1')]).to.deep.equal([
      'Eva María',
      'Ana',
      'Ana',
    ]);
  });

  it('can be looked at first', async () => {
    const school = await schoolOf(people(10));
    await school.put([...people(10), { id: 'N1' }]);
    const { runId } = await school.sync();
    const preview = await school.integrationService.rollbackSync(school.integrationId, runId, {
      preview: true,
    });
    expect(preview).to.deep.include({ status: 'PREVIEWED' });
    const { items } = await school.integrationService.listSyncChanges(school.integrationId, preview.runId);
    expect(items.map(({ action, externalId }) => [action, externalId])).to.deep.equal([['DELETE', 'N1']]);
    expect((await school.roster()).has('N1')).to.equal(true);
    await school.integrationService.approveSync(school.integrationId, preview.runId);
    expect((await school.roster()).has('N1')).to.equal(false);
  });
});
