import { expect } from 'chai';
import { MappingEntityType } from '../../../../src/index.js';
import { dropOldChanges } from '../../../../src/retention/old-changes.js';
import { type Baseline, type Impact, judge } from '../../../../src/sync/pipeline/guard/guard.js';
import { syncPolicy } from '../../../../src/sync/policy.js';
import { noEvidence } from '../../../../src/sync/runs/evidence.js';
import { newSchool, sharedServices } from '../../../support/services.js';

const NOTHING: Impact = {
  base: 100,
  active: 100,
  leaving: 0,
  returning: 0,
  changed: 0,
  wereMissing: 0,
  renamed: 0,
  members: 0,
  membersLeaving: 0,
  memberships: 0,
  membershipsEnding: 0,
  currentMemberships: 0,
  currentMembershipsEnding: 0,
  grouped: 0,
  ungrouped: 0,
};
const NOBODY = { count: 0, of: 0, since: null };
const since = new Date('2026-11-03T12:00:00Z');
const { STUDENT } = MappingEntityType;

describe('the guard', () => {
  const cases: [
    what: string,
    impact: Partial<Impact>,
    baseline: Partial<Baseline>,
    held: RegExp | undefined,
  ][] = [
    ['passes 10 of 100 who leave', { leaving: 10 }, {}, undefined],
    ['holds 11 of 100 who leave', { leaving: 11 }, {}, /^Held: 11 of 100 \(11 %\) students would go/],
    ['passes 4 of 8 who leave, below the floor', { active: 8, leaving: 4 }, {}, undefined],
    ['holds 5 of 8 who leave, at the floor', { active: 8, leaving: 5 }, {}, /^Held: 5 of 8/],
    [
      'holds groups that stop, fewer than the floor, and leave 11 of 100 people in none',
      { base: 20, active: 20, leaving: 1, grouped: 100, ungrouped: 11 },
      {},
      /^Held: 11 of 100 \(11 %\) people would be left without a group.*as new as the groups/,
    ],
    ['passes groups that stop and leave 4 of 8 people in none', { grouped: 8, ungrouped: 4 }, {}, undefined],
    ['holds 76 of 100 who change', { changed: 76 }, {}, /^Held: 76 of 100 \(76 %\) students would change/],
    [
      'adds up those who left since the baseline',
      { active: 90, leaving: 2 },
      { gone: { count: 12, of: 100, since } },
      /^Held: 12 of 100 \(12 %\) students would have gone since 3 November, more than 10 %/,
    ],
    [
      'passes who left since the baseline below the threshold',
      { active: 91, leaving: 3 },
      { gone: { count: 10, of: 100, since } },
      undefined,
    ],
    [
      'adds up those who have another name since the baseline',
      { changed: 40 },
      { renamed: { count: 76, of: 100, since } },
      /^Held: 76 of 100 \(76 %\) students would have another name or national id than before 3 November/,
    ],
    [
      'passes names that were changed below the threshold',
      { changed: 40 },
      { renamed: { count: 75, of: 100, since } },
      undefined,
    ],
    [
      'passes a run in which more come back than were there',
      { base: 20, changed: 60, returning: 60, wereMissing: 60 },
      {},
      undefined,
    ],
    ['passes a first sync', { base: 0, active: 0 }, {}, undefined],
  ];
  for (const [what, impact, baseline, held] of cases) {
    it(what, () => {
      const said = judge(
        { ...NOTHING, ...impact },
        {
          evidence: { ...noEvidence(), rows: 50 },
          policy: syncPolicy.parse({}),
          override: null,
          noun: 'student',
          partial: false,
          baseline: { gone: NOBODY, renamed: NOBODY, ...baseline },
        },
      );
      if (held) expect(said).to.match(held);
      else expect(said).to.equal(undefined);
    });
  }

  it('holds the sync in which small steps pass the threshold together, and begins anew once a person approved it', async () => {
    const { integrationService } = await sharedServices();
    const everybody = Array.from({ length: 100 }, (_, i) => `E${i + 1},Ana,Soto,ACTIVO`);
    const file = (gone: number) => ['id,nombres,apellidos,estado', ...everybody.slice(gone)].join('\n');
    const school = await newSchool({ 'students.csv': file(0) });
    const syncWithout = async (gone: number) => {
      await school.write({ 'students.csv': file(gone) });
      return integrationService.syncData(school.integrationId, STUDENT);
    };
    for (const gone of [0, 6]) expect((await syncWithout(gone)).status).to.equal('COMPLETED');
    const held = await syncWithout(12);
    expect(held.status).to.equal('HELD');
    expect(held.errors[0]).to.match(/^Held: 12 of 100 \(12 %\) students would have gone since/);
    await integrationService.approveSync(school.integrationId, held.runId, 'They moved.');
    expect((await syncWithout(18)).status).to.equal('COMPLETED');
  });

  /** A school of a hundred students, which is synced without the first few of them. */
  async function schoolOfHundred(policy?: Record<string, unknown>) {
    const { integrationService } = await sharedServices();
    const everybody = Array.from({ length: 100 }, (_, i) => `E${i + 1},Ana,Soto`);
    const school = await newSchool({});
    const { integrationId } = school;
    if (policy) await integrationService.updateIntegration(integrationId, { policy });
    const syncWithout = async (gone: number, back = 0) => {
      const rows = [...everybody.slice(0, back), ...everybody.slice(gone)];
      await school.write({ 'students.csv': ['id,nombres,apellidos', ...rows].join('\n') });
      return integrationService.syncData(integrationId, STUDENT);
    };
    const approve = ({ runId }: { runId: string }) =>
      integrationService.approveSync(integrationId, runId, 'They moved.');
    const rollBack = ({ runId }: { runId: string }) => integrationService.rollbackSync(integrationId, runId);
    return { ...school, syncWithout, approve, rollBack };
  }

  it('does not set those who come back from before the baseline off against others who leave after it', async () => {
    const { syncWithout, approve } = await schoolOfHundred({ graceRuns: 0 });
    await syncWithout(0);
    await approve(await syncWithout(40));
    for (const gone of [0, 9]) expect((await syncWithout(gone)).status).to.equal('COMPLETED');
    const held = await syncWithout(18);
    expect(held.errors[0]).to.match(/^Held: 18 of 100 \(18 %\) students would have gone since/);
  });

  it('nor where some have left since, and those from before come back after them', async () => {
    const { syncWithout, approve } = await schoolOfHundred({ graceRuns: 0 });
    await syncWithout(0);
    await approve(await syncWithout(40));
    for (const [gone, back] of [
      [46, 0],
      [46, 40],
    ] as const)
      expect((await syncWithout(gone, back)).status).to.equal('COMPLETED');
    const held = await syncWithout(52, 40);
    expect(held.errors[0]).to.match(/^Held: 12 of 94 \(12 %\) students would have gone since/);
    // Who left since and is back is not gone.
    expect((await syncWithout(50, 45)).status).to.equal('COMPLETED');
  });

  it('adds up those who left with runs whose changes are no longer kept, as the policy looked back less far', async () => {
    const { database, integrationService } = await sharedServices();
    const { syncWithout, integrationId } = await schoolOfHundred({ guard: { baselineDays: 0 } });
    for (const gone of [0, 6]) expect((await syncWithout(gone)).status).to.equal('COMPLETED');
    expect(await dropOldChanges(database, integrationId, 0)).to.equal(106);
    await integrationService.updateIntegration(integrationId, { policy: { guard: { baselineDays: 28 } } });
    const held = await syncWithout(12);
    expect(held.errors[0]).to.match(/^Held: 12 of 100 \(12 %\) students would have gone since/);
  });

  it('holds the sync in which more leave than the policy allows of those who are active, alone and together', async () => {
    const { integrationService } = await sharedServices();
    const rows = Array.from({ length: 100 }, (_, i) => `E${i},Ana,Soto,${i < 60 ? 'ACTIVO' : 'RETIRADO'}`);
    const school = await newSchool({});
    const sync = async (kept: readonly string[]) => {
      await school.write({ 'students.csv': ['id,nombres,apellidos,estado', ...kept].join('\n') });
      return integrationService.syncData(school.integrationId, STUDENT);
    };
    await sync(rows);
    const held = await sync(rows.slice(8));
    expect(held.errors[0]).to.match(/^Held: 8 of 60 \(13 %\) students would go/);
    // Who is inactive has nothing to lose, and does not go.
    for (const kept of [rows.slice(0, 90), rows.slice(5, 90)])
      expect((await sync(kept)).status).to.equal('COMPLETED');
    const together = await sync(rows.slice(8, 90));
    expect(together.errors[0]).to.match(/^Held: 8 of 60 \(13 %\) students would have gone since/);
  });

  it('adds up those who left with a run whose rollback was refused, as nobody came back by it', async () => {
    const { syncWithout, rollBack } = await schoolOfHundred();
    await syncWithout(0);
    const step = await syncWithout(8);
    await syncWithout(8);
    expect((await rollBack(step)).counts).to.deep.include({ read: 8, failed: 8 });
    const held = await syncWithout(16);
    expect(held.errors[0]).to.match(/^Held: 16 of 100 \(16 %\) students would have gone since/);
  });

  it('holds the sync with which most people have another name, however few each sync renames, and not one that names them as before', async () => {
    const { integrationService } = await sharedServices();
    const school = await newSchool({});
    const syncNamed = async (renamed: number, email = '') => {
      const rows = Array.from(
        { length: 100 },
        (_, i) => `E${i},${i < renamed ? `Otra${i}` : `Ana${i}`},Soto,${email}`,
      );
      await school.write({ 'students.csv': ['id,nombres,apellidos,email', ...rows].join('\n') });
      return integrationService.syncData(school.integrationId, STUDENT);
    };
    for (const renamed of [0, 40, 70, 0, 40, 75]) {
      expect((await syncNamed(renamed)).status, `${renamed} renamed`).to.equal('COMPLETED');
    }
    const held = await syncNamed(90);
    expect(held.errors[0]).to.match(
      /^Held: 90 of 100 \(90 %\) students would have another name or national id than before/,
    );
    await integrationService.approveSync(school.integrationId, held.runId, 'A new register.');
    expect((await syncNamed(60)).status).to.equal('COMPLETED');
  });

  it('does not hold a sync for names that a person took back with the run that had brought them', async () => {
    const { integrationService } = await sharedServices();
    const school = await newSchool({});
    const syncNamed = async (nameOf: (i: number) => string) => {
      const rows = Array.from({ length: 100 }, (_, i) => `E${i},${nameOf(i)},Soto`);
      await school.write({ 'students.csv': ['id,nombres,apellidos', ...rows].join('\n') });
      return integrationService.syncData(school.integrationId, STUDENT);
    };
    await syncNamed((i) => `Ana${i}`);
    const wrong = await syncNamed((i) => (i < 70 ? `Otra${i}` : `Ana${i}`));
    expect(wrong.status).to.equal('COMPLETED');
    await integrationService.rollbackSync(school.integrationId, wrong.runId);
    const next = await syncNamed((i) => (i < 70 ? `Ana${i}` : i < 80 ? `Nueva${i}` : `Ana${i}`));
    expect(next.errors).to.deep.equal([]);
    expect(next.counts).to.deep.include({ updated: 10 });
  });

  it('counts the steps of a run again whose rollback was taken back itself', async () => {
    const { integrationService } = await sharedServices();
    const everybody = Array.from({ length: 100 }, (_, i) => `E${i},Ana${i},Soto`);
    const file = (gone: number, renamed = 0) =>
      [
        'id,nombres,apellidos',
        ...everybody.slice(gone).map((row, i) => (i < renamed ? row.replace('Ana', 'Otra') : row)),
      ].join('\n');
    const school = await newSchool({ 'students.csv': file(0) });
    const sync = async (gone: number, renamed?: number) => {
      await school.write({ 'students.csv': file(gone, renamed) });
      return integrationService.syncData(school.integrationId, STUDENT);
    };
    await sync(0);
    const step = await sync(8, 60);
    expect(step.status).to.equal('COMPLETED');
    const back = await integrationService.rollbackSync(school.integrationId, step.runId);
    const again = await integrationService.rollbackSync(school.integrationId, back.runId);
    expect([back.status, again.status]).to.deep.equal(['COMPLETED', 'COMPLETED']);
    const gone = await sync(14, 64);
    expect(gone.errors[0]).to.match(/^Held: 14 of 100 \(14 %\) students would have gone since/);
    await integrationService.discardSync(school.integrationId, gone.runId, 'not yet');
    const renamed = await sync(8, 80);
    expect(renamed.errors[0]).to.match(
      /^Held: 80 of 100 \(80 %\) students would have another name or national id than before/,
    );
    // Taken back for good, they count no longer.
    await integrationService.discardSync(school.integrationId, renamed.runId, 'not yet');
    const last = await integrationService.rollbackSync(school.integrationId, again.runId);
    expect(last.status).to.equal('COMPLETED');
    expect((await sync(8, 10)).status).to.equal('COMPLETED');
  });

  it('compares people only with those of runs that renamed anybody', async () => {
    const { integrationService } = await sharedServices();
    const { database } = await sharedServices();
    const school = await newSchool({});
    const sync = async (name: string, email: string) => {
      const rows = Array.from(
        { length: 40 },
        (_, i) => `E${i},${i < 25 ? name : 'Ana'},Soto,${email}${i}@x.cl`,
      );
      await school.write({ 'students.csv': ['id,nombres,apellidos,email', ...rows].join('\n') });
      return integrationService.syncData(school.integrationId, STUDENT, {
        guard: { reason: 'test', changedPercent: 100 },
      });
    };
    const runs = [await sync('Ana', 'a'), await sync('Eva', 'a'), await sync('Eva', 'b')];
    const rows = await database.query<{ id: string; renamed: number | null }>(
      'SELECT id, guard_renamed AS renamed FROM sync_runs WHERE integration_id = $1',
      [school.integrationId],
    );
    const renamed = runs.map(({ runId }) => rows.find(({ id }) => id === runId)?.renamed);
    expect(renamed).to.deep.equal([null, 25, 0]);
  });

  it('holds a partial file, with a column called error, in which everybody is inactive', async () => {
    const { integrationService } = await sharedServices();
    const file = (state: string) =>
      [
        'id,nombres,apellidos,estado,error',
        ...Array.from({ length: 50 }, (_, i) => `E${i},Ana,Soto,${state},`),
      ].join('\n');
    const school = await newSchool({ 'students.csv': file('ACTIVO') });
    await integrationService.syncData(school.integrationId, STUDENT);
    await school.write({ 'students.csv': file('RETIRADO') });
    const report = await integrationService.syncData(school.integrationId, STUDENT);
    expect(report.errors[0]).to.match(/^Held: 50 of 50 \(100 %\) students would go/);
  });
});
