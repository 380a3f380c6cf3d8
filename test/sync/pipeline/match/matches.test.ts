import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { ENTITY_SPECS } from '../../../../src/roster/index.js';
import { markMatchedCreates } from '../../../../src/sync/pipeline/match/matches.js';
import { syncPolicy } from '../../../../src/sync/policy.js';
import { meet } from '../../../support/meet.js';

const times = <T>(count: number, make: (i: number) => T) => Array.from({ length: count }, (_, i) => make(i));

describe('a value that tells nobody apart', () => {
  for (const rut of ['S/N', 'SN', '0', '-', 'N/A', '11.111.111-1', '1111111-4', 'sin rut', '1-9']) {
    it(`links nobody and makes no conflict: "${rut}" as a national id`, async () => {
      const school = await meet([{ nationalId: rut, familyName: 'Paz' }], [`S1,${rut},Eva,Soto,,,`]);
      expect((await school.sync()).counts).to.deep.include({ created: 1, updated: 0, conflicts: 0 });
    });
  }

  for (const code of ['S/N', '0', '-', 'N/A', 'xx']) {
    it(`links nobody and makes no conflict: "${code}" as a code`, async () => {
      const school = await meet([{ code }], [`S1,,Ana,Soto,,${code},`]);
      expect((await school.sync()).counts).to.deep.include({ created: 1, updated: 0, conflicts: 0 });
    });
  }

  it('links nobody and makes no conflict: a national id, a code and an e-mail that four people of the roster have', async () => {
    const same = { nationalId: '12345678-5', code: 'A', email: 'a@x.cl' };
    const school = await meet(
      times(4, () => same),
      ['S1,12345678-5,Eva,Soto,,,', 'S2,,Luz,Soto,,A,', 'S3,,Sol,Soto,a@x.cl,,'],
    );
    expect((await school.sync()).counts).to.deep.include({ created: 3, updated: 0, conflicts: 0 });
  });

  it('links nobody and makes no conflict: a national id that four rows of the source have', async () => {
    const school = await meet(
      [{ nationalId: '12345678-5' }],
      times(4, (i) => `S${i},12345678-5,Eva,Soto ${i},,,`),
    );
    expect((await school.sync()).counts).to.deep.include({ created: 4, updated: 0, conflicts: 0 });
  });

  it('costs time and storage as there are rows: 2,000 of the source and 2,000 of the roster with "S/N" in every field', async () => {
    const many = times(2_000, (i) => `S${i},S/N,Ana,Soto ${i % 2},a@x.cl,S/N,`);
    const school = await meet([], many);
    await school.database.execute(
      `INSERT INTO students (institution_id, id, national_id, code, email, given_name, family_name)
       SELECT $1, gen_random_uuid(), 'S/N', 'S/N', 'a@x.cl', 'Ana', 'Soto ' || i % 2 FROM generate_series(1, 2000) AS i`,
      [school.institutionId],
    );
    const start = performance.now();
    expect((await school.sync()).counts).to.deep.include({ created: 2_000, conflicts: 0 });
    expect(performance.now() - start).to.be.below(5_000);
    const [stored] = await school.database.query('SELECT 1 FROM sync_conflicts WHERE integration_id = $1', [
      school.integrationId,
    ]);
    expect(stored).to.equal(undefined);
  });

  it('that three have at most makes candidates of them, the likeliest first', async () => {
    const people = [
      ...times(3, () => ({ nationalId: '12345678-5' })),
      ...times(3, () => ({ code: 'A' })),
      ...times(3, () => ({ email: 'a@x.cl', familyName: 'Soto' })),
    ];
    const school = await meet(people, ['S1,12345678-5,Ana,Soto,a@x.cl,A,']);
    await school.sync();
    const [conflict] = await school.conflicts();
    expect(conflict?.candidates).to.have.length(9);
    expect(conflict?.candidates.map(({ confidence }) => confidence)).to.deep.equal([
      1, 1, 1, 0.95, 0.95, 0.95, 0.85, 0.85, 0.85,
    ]);
  });
});

describe('a row that contradicts whom it would be linked to', () => {
  const ana = {
    givenName: 'Ana',
    familyName: 'Soto',
    nationalId: '12345678-5',
    code: '7',
    email: 'ana@x.cl',
    birthDate: '2012-03-02',
  };
  const cases: [what: string, row: string, other: string][] = [
    ['name and national id', 'S1,7654321-6,Pedro,Rojas,,7,', 'national id'],
    ['name and birth date', 'S1,12345678-5,Pedro,Soto,,,2010-01-01', 'birth date'],
    ['name and e-mail', 'S1,,Pedro,Soto,pedro@x.cl,7,', 'e-mail'],
  ];
  for (const [what, row, other] of cases) {
    it(`in ${what} is a conflict that says so, and changes nobody`, async () => {
      const school = await meet([ana], [row]);
      const before = await school.student(school.ids[0] as string);
      expect((await school.sync()).counts).to.deep.include({ created: 0, updated: 0, conflicts: 1 });
      const [reason] = Object.values(await school.reasons());
      expect(reason).to.contain(`but has another name and another ${other}`);
      expect(await school.student(school.ids[0] as string)).to.deep.equal(before);
    });
  }

  for (const [what, row] of [
    ['case, accents and order of words', 'S1,7654321-6,SOTO,ÁNA,,7,'],
    ['a name more', 'S1,12345678-5,Ana María,Soto Díaz,other@x.cl,,2011-01-01'],
    ['a typing error beside the same national id and another e-mail', 'S1,12345678-5,Anna,Soto,other@x.cl,,'],
  ] as const) {
    it(`only in ${what} is linked`, async () => {
      const school = await meet([ana], [row]);
      expect((await school.sync()).counts).to.deep.include({ created: 0, updated: 1, conflicts: 0 });
    });
  }
});

describe('an id that the school gave to somebody else', () => {
  const old = ['S1,12345678-5,Ana,Soto,,,', 'S2,,Luz,Paz,,,'];
  const reused = ['S1,7654321-6,Pedro,Rojas,,,', 'S2,,Luz,Paz,,,'];
  const reason =
    'has an id that may be re-used: its row has another name and another national id than the person it is mapped to';

  async function reuse() {
    const school = await meet([], old);
    await school.sync();
    const ana = (await school.mapped()).get('S1') as string;
    await school.write(reused);
    const { counts } = await school.sync();
    expect(counts).to.deep.include({ created: 0, updated: 0, conflicts: 1, missing: 0 });
    expect(await school.reasons()).to.deep.equal({ S1: reason });
    return { ...school, ana };
  }

  it('is a conflict in every sync: the person is neither changed nor absent', async () => {
    const school = await reuse();
    const { counts } = await school.sync();
    expect(counts).to.deep.include({ conflicts: 1, missing: 0, updated: 0 });
    expect(await school.student(school.ana)).to.deep.include({
      givenName: 'Ana',
      nationalId: '12345678-5',
      active: true,
    });
    expect((await school.mapped()).get('S1')).to.equal(school.ana);
    expect((await school.conflicts())[0]?.candidates).to.deep.equal([
      { internalId: school.ana, confidence: 0.5, rule: 'externalId' },
    ]);
  });

  it('is a conflict, too, where the one before has no national id, and the row has that of somebody else', async () => {
    const school = await meet([{ nationalId: '7654321-6', givenName: 'Pedro', familyName: 'Rojas' }], old);
    await school.sync();
    const luz = (await school.mapped()).get('S2') as string;
    await school.write([old[0] as string, 'S2,7654321-6,Pedro,Rojas,,,']);
    expect((await school.sync()).counts).to.deep.include({ created: 0, updated: 0, conflicts: 1 });
    expect(await school.reasons()).to.deep.equal({
      S2: 'has an id that may be re-used: its row has another name than the person it is mapped to, and the national id of somebody else',
    });
    const [conflict] = await school.conflicts();
    expect(conflict?.candidates.map(({ internalId }) => internalId)).to.have.members([school.ids[0], luz]);
    expect(await school.student(luz)).to.deep.include({
      givenName: 'Luz',
      familyName: 'Paz',
      nationalId: null,
    });
  });

  it('is a conflict, too, where the row has no national id, and another row that of the one before', async () => {
    const school = await meet([], old);
    await school.sync();
    const ana = (await school.mapped()).get('S1') as string;
    await school.write(['S1,,Pedro,Rojas,,,', 'S2,,Luz,Paz,,,', 'S3,12345678-5,Ana,Soto,,,']);
    expect((await school.sync()).counts).to.deep.include({
      created: 0,
      updated: 0,
      conflicts: 2,
      missing: 0,
    });
    expect(await school.reasons()).to.deep.equal({
      S1: 'has an id that may be re-used: its row has another name than the person it is mapped to, whose national id another row has',
      S3: 'looks like the person with id "S1"',
    });
    expect(await school.student(ana)).to.deep.include({ givenName: 'Ana', nationalId: '12345678-5' });
  });

  it('is none where nobody else has the national id that the row brings', async () => {
    const school = await meet([], old);
    await school.sync();
    await school.write([old[0] as string, 'S2,7654321-6,Pedro,Rojas,,,']);
    expect((await school.sync()).counts).to.deep.include({ updated: 1, conflicts: 0 });
  });

  it('is no conflict any more when the row is again as it was', async () => {
    const school = await reuse();
    await school.write(old);
    expect((await school.sync()).counts).to.deep.include({ unchanged: 2, conflicts: 0 });
    expect(await school.conflicts()).to.deep.equal([]);
  });

  it('changes the same person once a person says that it is the same, and later changes need no decision', async () => {
    const school = await reuse();
    await school.decide('S1', 'LINK', school.ana);
    expect((await school.sync()).counts).to.deep.include({ updated: 1, conflicts: 0 });
    expect(await school.student(school.ana)).to.deep.include({ givenName: 'Pedro', nationalId: '7654321-6' });
    expect((await school.sync()).counts).to.deep.include({ unchanged: 2, conflicts: 0 });
    // Another pupil once more is another question.
    await school.write(['S1,20347878-K,Eva,Rey,,,', old[1] as string]);
    expect((await school.sync()).counts).to.deep.include({ conflicts: 1 });
  });

  it('makes somebody new once a person says so: the one before stays in the roster, no longer mapped', async () => {
    const school = await reuse();
    await school.decide('S1', 'CREATE');
    expect((await school.sync()).counts).to.deep.include({ created: 1, conflicts: 0, missing: 0 });
    const pedro = (await school.mapped()).get('S1') as string;
    expect(pedro).to.not.equal(school.ana);
    expect(await school.student(pedro)).to.deep.include({ givenName: 'Pedro' });
    expect(await school.student(school.ana)).to.deep.include({
      givenName: 'Ana',
      nationalId: '12345678-5',
      active: true,
    });
    expect((await school.sync()).counts).to.deep.include({ unchanged: 2, conflicts: 0, missing: 0 });
  });

  it('is not taken from the one before while a sync is under way', async () => {
    const school = await reuse();
    await school.database.query(
      `INSERT INTO sync_runs (integration_id, id, institution_id, entity_type, owner, lease_until)
       VALUES ($1, $2, $3, 'STUDENT', $2, now() + interval '1 hour')`,
      [school.integrationId, randomUUID(), school.institutionId],
    );
    const refused = await school.decide('S1', 'CREATE').catch((error: unknown) => error);
    expect(refused).to.deep.include({ code: 'aborted', reason: 'SYNC_ALREADY_RUNNING' });
    expect((await school.mapped()).get('S1')).to.equal(school.ana);
    expect(await school.conflicts()).to.have.length(1);
  });

  it('is linked to another once a person says so', async () => {
    const school = await reuse();
    const pedro = await school.put({ givenName: 'Pedro', familyName: 'Rojas' });
    await school.decide('S1', 'LINK', pedro);
    expect((await school.sync()).counts).to.deep.include({ created: 0, updated: 1, conflicts: 0 });
    expect((await school.mapped()).get('S1')).to.equal(pedro);
    expect(await school.student(school.ana)).to.deep.include({ givenName: 'Ana', active: true });
  });

  it('is left out once a person says so: the one before is neither changed nor absent', async () => {
    const school = await reuse();
    await school.decide('S1', 'IGNORE');
    await school.write([...reused, 'S3,,Sol,Rey,,,'].slice(0, 3));
    for (const created of [1, 0])
      expect((await school.sync()).counts).to.deep.include({
        created,
        conflicts: 1,
        missing: 0,
        updated: 0,
        warnings: 0,
      });
    expect(await school.student(school.ana)).to.deep.include({ givenName: 'Ana', active: true });
    expect(await school.conflicts()).to.deep.equal([]);
    // Another pupil once more is another question.
    await school.write(['S1,20347878-K,Eva,Rey,,,', ...reused.slice(1)]);
    await school.sync();
    expect(await school.reasons()).to.deep.equal({ S1: reason });
  });

  it('is no longer left out once the row is again that of the one before', async () => {
    const school = await reuse();
    await school.decide('S1', 'IGNORE');
    await school.sync();
    await school.write(['S1,12345678-5,Ana,Soto Díaz,,,', 'S2,,Luz,Paz,,,']);
    expect((await school.sync()).counts).to.deep.include({ updated: 1, conflicts: 0 });
    expect(await school.student(school.ana)).to.deep.include({ familyName: 'Soto Díaz' });
  });

  it('makes somebody new also where both have the same code', async () => {
    const school = await meet([], ['S1,12345678-5,Ana,Soto,,S1,']);
    await school.sync();
    await school.write(['S1,7654321-6,Pedro,Rojas,,S1,']);
    await school.sync();
    await school.decide('S1', 'CREATE');
    expect((await school.sync()).counts).to.deep.include({ created: 1, conflicts: 0 });
  });

  it('is none where only the name was corrected, or only the national id', async () => {
    const school = await meet([], ['S1,12345678-5,Ana,Soto,,,', 'S2,7654321-6,Luz,Paz,,,']);
    await school.sync();
    await school.write(['S1,12345678-5,Anna,Zoto,,,', 'S2,20347878-K,PAZ,Lúz,,,']);
    expect((await school.sync()).counts).to.deep.include({ updated: 2, conflicts: 0 });
  });
});

describe('a national id that two rows of one reading have', () => {
  for (const [what, people] of [
    ['a first sync', []],
    ['a sync beside people who are there', [{ code: 'X' }]],
  ] as const) {
    it(`is a warning that names both lines, in every sync: ${what}`, async () => {
      const school = await meet(people, [
        'S1,12.345.678-5,Ana,Soto,,,',
        'S2,,Luz,Paz,,,',
        'S3,12345678-5,Eva,Rey,,,',
      ]);
      for (const created of [3, 0]) {
        const report = await school.sync();
        expect(report.counts).to.deep.include({ created, conflicts: 0, warnings: 1 });
        const { items } = await school.integrationService.listSyncIssues(school.integrationId, report.runId);
        expect(items.map(({ rule, line, severity }) => ({ rule, line, severity }))).to.deep.equal([
          { rule: 'national_id.duplicate', line: 4, severity: 'WARNING' },
        ]);
        expect(items[0]?.message).to.equal(
          'students.csv line 4: student "S3" has the national id "12345678-5" of student "S1" on line 2',
        );
      }
    });
  }
});

describe('a national id that a changed row takes from a row that did not change', () => {
  it('is a warning that names both lines, in every sync until one of the two is corrected', async () => {
    const school = await meet([], ['S1,12345678-5,Ana,Soto,,,', 'S2,7654321-6,Luz,Paz,,,', 'S3,,Eva,Rey,,,']);
    await school.sync();
    await school.write(['S1,12345678-5,Ana,Soto,,,', 'S2,12345678-5,Luz,Paz,,,', 'S3,,Eva,Rey,,,']);
    for (const updated of [1, 0]) {
      const report = await school.sync();
      expect(report.counts).to.deep.include({ updated, conflicts: 0, missing: 0, warnings: 1 });
      const { items } = await school.integrationService.listSyncIssues(school.integrationId, report.runId);
      expect(items.map(({ message }) => message)).to.deep.equal([
        'students.csv line 3: student "S2" has the national id "12345678-5" of student "S1" on line 2',
      ]);
    }
    await school.write(['S1,12345678-5,Ana,Soto,,,', 'S2,7654321-6,Luz,Paz,,,', 'S3,,Eva,Rey,,,']);
    expect((await school.sync()).counts).to.deep.include({ updated: 1, warnings: 0 });
    expect((await school.sync()).counts).to.deep.include({ updated: 0, warnings: 0, unchanged: 3 });
  });

  it('is no warning where the two exchange their national ids', async () => {
    const school = await meet([], ['S1,12345678-5,Ana,Soto,,,', 'S2,7654321-6,Luz,Paz,,,']);
    await school.sync();
    await school.write(['S1,7654321-6,Ana,Soto,,,', 'S2,12345678-5,Luz,Paz,,,']);
    expect((await school.sync()).counts).to.deep.include({ updated: 2, warnings: 0 });
  });
});

describe('a plan that waits while somebody comes into the roster', () => {
  async function waiting() {
    const school = await meet(
      [{ code: 'X' }],
      ['S1,12345678-5,Ana,Soto,,,', 'S2,,Luz,Paz,,B,', 'S3,,Sol,Rey,,,'],
    );
    const { runId } = await school.preview();
    const run = await school.integrationService.getSyncRun(school.integrationId, runId);
    const mark = () =>
      school.database.transaction(() =>
        markMatchedCreates(school.database, {
          run,
          spec: ENTITY_SPECS.STUDENT,
          policy: syncPolicy.parse({}),
        }),
      );
    const moved = async () =>
      (await school.integrationService.listSyncChanges(school.integrationId, runId, { outcome: 'MOVED' }))
        .items;
    return { ...school, runId, mark, moved };
  }

  it('has its change to create the same person marked as moved, and only that one, once', async () => {
    const school = await waiting();
    expect(await school.mark()).to.equal(0);
    await school.put({ nationalId: '12345678-5' });
    await school.put({ code: 'Y' });
    expect(await school.mark()).to.equal(1);
    expect((await school.moved()).map(({ externalId, reason }) => [externalId, reason])).to.deep.equal([
      ['S1', 'Somebody who may be the same came into the roster after the plan was made.'],
    ]);
    expect(await school.mark()).to.equal(0);
    await school.integrationService.approveSync(school.integrationId, school.runId);
    expect([...(await school.mapped()).keys()].sort()).to.deep.equal(['S2', 'S3']);
  });

  it('keeps a change to create somebody of whom a person decided that he or she is new', async () => {
    const school = await waiting();
    const seen = await school.put({ code: 'B' });
    await school.database.execute(
      `INSERT INTO sync_conflicts (integration_id, entity_type, external_id, run_id, record, candidates, reason, resolution)
       VALUES ($1, 'STUDENT', 'S2', $2, '{}', jsonb_build_array(jsonb_build_object('internalId', $3::uuid)), 'x', 'CREATE')`,
      [school.integrationId, randomUUID(), seen],
    );
    expect(await school.mark()).to.equal(0);
    // Nobody was asked about this one.
    await school.put({ code: 'B' });
    expect(await school.mark()).to.equal(1);
  });
});
