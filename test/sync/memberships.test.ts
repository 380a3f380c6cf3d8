import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { expect } from 'chai';
import type { MembershipRecord, RecordPage, RecordSource } from '../../src/connectors/index.js';
import { MappingEntityType } from '../../src/index.js';
import { syncPolicy } from '../../src/sync/index.js';
import { newSchool, sharedServices } from '../support/services.js';
import { syncServiceOf } from '../support/sync-service.js';

const { GROUP, STUDENT, TEACHER } = MappingEntityType;
const numbers = (count: number, from = 1) => Array.from({ length: count }, (_, i) => i + from);
const table = (header: string, rows: readonly string[]) => `${[header, ...rows].join('\n')}\n`;
const MEMBERSHIPS = 'grupo_id,persona_id,rol';

/** Fifty students in five groups, by a list; each group with a teacher. */
const students = numbers(50).map((i) => `${i},Ana`);
const listed = numbers(50).map((i) => `G${(i % 5) + 1},${i},alumno`);
const taught = numbers(5).map((i) => `G${i},T${i},profesor`);

async function schoolWithMemberships(files: Record<string, string> = {}) {
  const { integrationService } = await sharedServices();
  const school = await newSchool({
    'groups.csv': table(
      'id,nombre',
      numbers(5).map((i) => `G${i},Curso ${i}`),
    ),
    'teachers.csv': table(
      'id,nombres',
      numbers(5).map((i) => `T${i},Eva`),
    ),
    'students.csv': table('id,nombres', students),
    'memberships.csv': table(MEMBERSHIPS, [...listed, ...taught]),
    ...files,
  });
  const sync = (type: MappingEntityType) => integrationService.syncData(school.integrationId, type);
  for (const type of [TEACHER, GROUP, STUDENT]) expect((await sync(type)).errors).to.deep.equal([]);
  return { ...school, sync, members: () => membersOf(school) };
}

async function membersOf({ institutionId, integrationId }: { institutionId: string; integrationId: string }) {
  const { database } = await sharedServices();
  const rows = await database.query<{ member: string }>(
    `SELECT g.external_id || ',' || p.external_id AS member FROM memberships t
     JOIN integration_mappings g ON g.integration_id = $2 AND g.internal_id = t.group_id
     JOIN integration_mappings p ON p.integration_id = $2 AND p.internal_id = t.person_id AND p.entity_type = t.role
     WHERE t.institution_id = $1 ORDER BY 1`,
    [institutionId, integrationId],
  );
  return rows.map(({ member }) => member);
}

describe('a list of memberships', () => {
  it('that is missing one night ends none of those it brought, although records of students hold others, and the run says so', async () => {
    const { integrationService } = await sharedServices();
    const own = {
      'students.csv': table('id,nombres,grupo_id', ['0,Luz,G1', ...students.map((row) => `${row},`)]),
    };
    const school = await schoolWithMemberships(own);
    await rm(`${school.folder}/memberships.csv`);
    for (const night of [1, 2]) {
      const report = await school.sync(STUDENT);
      expect(report, `night ${night}`).to.deep.include({
        success: true,
        gaps: [
          'The list of memberships is missing or empty, where 51 are known. memberships.csv is not there. If the school has no such list any more, set config.files.memberships to "none": what it brought then ends.',
        ],
      });
      expect(report.membershipCounts).to.deep.include({ read: 1, unchanged: 1, deactivated: 0 });
      const { evidence } = await integrationService.getSyncRun(school.integrationId, report.runId);
      expect(evidence.memberships).to.deep.include({ pages: 0, rows: 0, gaps: report.gaps });
      // The students themselves were read whole.
      expect(evidence.gaps).to.deep.equal([]);
    }
    expect(await school.members()).to.have.length(56);
    await school.write({ 'memberships.csv': table(MEMBERSHIPS, [...listed.slice(1), ...taught]) });
    expect((await school.sync(STUDENT)).membershipCounts).to.deep.include({ unchanged: 50, deactivated: 1 });
  });

  it('is not missed where records of students always held all memberships', async () => {
    const rows = students.map((row, i) => `${row},G${(i % 5) + 1}`);
    const school = await schoolWithMemberships({
      'students.csv': table('id,nombres,grupo_id', rows),
      'memberships.csv': table(MEMBERSHIPS, taught),
    });
    await school.write({
      'students.csv': table('id,nombres,grupo_id', [`${students[0]},G5`, ...rows.slice(1)]),
    });
    const report = await school.sync(STUDENT);
    expect(report.gaps).to.deep.equal([]);
    expect(report.membershipCounts).to.deep.include({ created: 1, unchanged: 49, deactivated: 1 });
  });

  it('that moves nearly everybody into one group holds the plan', async () => {
    const school = await schoolWithMemberships();
    const before = await school.members();
    await school.write({
      'memberships.csv': table(MEMBERSHIPS, [...numbers(50).map((i) => `G1,${i},alumno`), ...taught]),
    });
    const report = await school.sync(STUDENT);
    expect(report).to.deep.include({ success: false, status: 'HELD' });
    expect(report.errors[0]).to.match(/^Held: 40 of 50 \(80 %\) memberships would end, more than 10 %/);
    expect(await school.members()).to.deep.equal(before);
  });

  it('holds the plan by its share of those that are there, not of all that ever were', async () => {
    const { database, integrationService } = await sharedServices();
    const school = await schoolWithMemberships();
    // Groups of years that are over keep their memberships.
    await database.execute(
      `WITH old AS (
         INSERT INTO integration_mappings (integration_id, entity_type, internal_id, external_id, missing_runs, missing_since)
         VALUES ($1, 'GROUP', gen_random_uuid(), 'OLD', 2, now()) RETURNING internal_id)
       INSERT INTO memberships (institution_id, group_id, person_id, role, integration_id)
       SELECT $2, old.internal_id, m.internal_id, 'STUDENT', $1 FROM old, integration_mappings m
       WHERE m.integration_id = $1 AND m.entity_type = 'STUDENT'`,
      [school.integrationId, school.institutionId],
    );
    await school.write({ 'memberships.csv': table(MEMBERSHIPS, [...listed.slice(6), ...taught]) });
    const report = await school.sync(STUDENT);
    expect(report.errors[0]).to.match(/^Held: 6 of 50 \(12 %\) people would be left without a group/);
    const approved = await integrationService.approveSync(school.integrationId, report.runId, 'right');
    expect(approved.success).to.equal(true);
    expect(await school.members()).to.have.length(99);
  });

  /** Fifty students in a group, and in three groups that are over and are still listed; nobody was in a fourth. */
  async function schoolWithClosedGroups() {
    const closed = numbers(3).map((i) => `OLD${i}`);
    const old = closed.flatMap((group) => numbers(50).map((i) => `${group},${i},alumno`));
    const current = numbers(50).map((i) => `G1,${i},alumno`);
    const groups = [
      'G1,1A,activo',
      'G2,2A,activo',
      ...[...closed, 'OLD4'].map((id) => `${id},${id},cerrado`),
    ];
    const school = await schoolWithMemberships({
      'groups.csv': table('id,nombre,estado', groups),
      'teachers.csv': table('id,nombres', ['T1,Eva']),
      'memberships.csv': table(MEMBERSHIPS, [...old, ...current]),
    });
    const syncWith = async (rows: readonly string[]) => {
      await school.write({ 'memberships.csv': table(MEMBERSHIPS, rows) });
      return school.sync(STUDENT);
    };
    return { ...school, old, current, syncWith };
  }

  it('that leaves people without a group holds the plan, although they are in groups that are over', async () => {
    const { old, current, syncWith } = await schoolWithClosedGroups();
    const report = await syncWith([...old, ...current.slice(20)]);
    expect(report.errors[0]).to.match(/^Held: 20 of 50 \(40 %\) people would be left without a group/);
  });

  it('that moves people into a group that is over holds the plan, as it leaves them without one', async () => {
    const { old, current, syncWith } = await schoolWithClosedGroups();
    const report = await syncWith([
      ...old,
      ...current.map((row, i) => (i < 20 ? row.replace('G1', 'OLD4') : row)),
    ]);
    expect(report.errors[0]).to.match(/^Held: 20 of 50 \(40 %\) people would be left without a group/);
  });

  it('that moves people from group to group holds the plan by its share of those of groups that are not over', async () => {
    const { old, current, syncWith } = await schoolWithClosedGroups();
    const report = await syncWith([
      ...old,
      ...current.map((row, i) => (i < 20 ? row.replace('G1', 'G2') : row)),
    ]);
    expect(report.errors[0]).to.match(/^Held: 20 of 50 \(40 %\) memberships would end/);
  });

  it('that leaves active people without a group holds the plan by their share of those who are active', async () => {
    const { integrationId, write, sync, syncWith, old, current } = await schoolWithClosedGroups();
    const { integrationService } = await sharedServices();
    const states = numbers(50).map((i) => `${i},Ana,${i <= 10 ? 'activo' : 'retirado'}`);
    await write({ 'students.csv': table('id,nombres,estado', states) });
    await integrationService.approveSync(integrationId, (await sync(STUDENT)).runId, 'They left.');
    const report = await syncWith([...old, ...current.slice(5)]);
    expect(report.errors[0]).to.match(/^Held: 5 of 10 \(50 %\) people would be left without a group/);
  });

  it('that has no longer what it had of groups that are over holds the plan by its share of all', async () => {
    const { current, syncWith } = await schoolWithClosedGroups();
    const report = await syncWith(current);
    expect(report.errors[0]).to.match(/^Held: 150 of 200 \(75 %\) memberships would end/);
  });

  it('that moves a few people does not hold the plan', async () => {
    const school = await schoolWithMemberships();
    const moved = listed.map((row, i) => (i < 4 ? `G5,${i + 1},alumno` : row));
    await school.write({ 'memberships.csv': table(MEMBERSHIPS, [...moved, ...taught]) });
    const report = await school.sync(STUDENT);
    expect(report).to.deep.include({ success: true, status: 'COMPLETED' });
    expect(report.membershipCounts).to.deep.include({ created: 3, deactivated: 3 });
  });

  for (const [what, role] of [
    ['a teacher', 'profesro'],
    ['a student', 'alunmo'],
  ] as const) {
    it(`with a typo in the role of ${what} ends none, and names line, column and value`, async () => {
      const { integrationService } = await sharedServices();
      const school = await schoolWithMemberships();
      const before = await school.members();
      const rows =
        what === 'a teacher'
          ? [...listed.slice(1), `G1,T1,${role}`, ...taught.slice(1)]
          : [`G2,1,${role}`, ...listed.slice(1), ...taught.slice(1)];
      await school.write({ 'memberships.csv': table(MEMBERSHIPS, rows) });
      for (const type of [GROUP, STUDENT]) {
        const report = await school.sync(type);
        expect(report.membershipCounts, type).to.deep.include({ failed: 1, deactivated: 0 });
        expect(report.gaps, type).to.deep.equal(['1 membership could not be read.']);
        const { items } = await integrationService.listSyncIssues(school.integrationId, report.runId);
        expect(items).to.have.length(1);
        expect(items[0]).to.deep.include({
          severity: 'ERROR',
          rule: 'role.unknown',
          file: 'memberships.csv',
          line: what === 'a teacher' ? 51 : 2,
          column: 'rol',
          value: role,
          hint: 'Write alumno or profesor (student or teacher).',
        });
      }
      expect(await school.members()).to.deep.equal(before);
    });
  }
});

describe('pages of memberships', () => {
  const page = (from: number, to: number): MembershipRecord[] =>
    numbers(to - from, from).map((i) => ({
      groupExternalId: `G${(i % 5) + 1}`,
      personExternalId: String(i),
      role: 'STUDENT',
    }));

  /** Eighty students, each in a group: synced by two pages that were all there is. */
  async function schoolOfEighty() {
    const { database } = await sharedServices();
    const school = await schoolWithMemberships({
      'students.csv': table(
        'id,nombres',
        numbers(80).map((i) => `${i},Ana`),
      ),
      'memberships.csv': table(MEMBERSHIPS, taught),
    });
    let source: RecordSource;
    const policy = syncPolicy.parse({ guard: { deactivatedPercent: 100 } });
    const syncs = syncServiceOf(database, () => source, { policy: () => policy });
    const sync = async (pages: readonly RecordPage<MembershipRecord>[]) => {
      source = {
        entities: (async function* () {
          yield numbers(80).map((i) => ({ externalId: String(i), givenName: 'Ana' }));
        })(),
        memberships: (async function* () {
          yield* pages;
        })(),
      };
      return syncs.sync({
        integrationId: school.integrationId,
        institutionId: school.institutionId,
        entityType: STUDENT,
      });
    };
    const whole = await sync([{ records: page(1, 41) }, { records: page(41, 81) }]);
    expect(whole).to.deep.include({ success: true, gaps: [] });
    return { school, sync };
  }

  for (const [what, pages, gaps] of [
    [
      'one of which came twice and one never, of as many rows as declared,',
      [
        { records: page(1, 41), declaredTotal: 80 },
        { records: page(1, 41), declaredTotal: 80 },
      ],
      [
        /^The source says it has 80 memberships, and gave 40 different ones\.$/,
        /^1 page of memberships came twice/,
      ],
    ],
    [
      'one of which came twice',
      [{ records: page(1, 41) }, { records: page(1, 41) }],
      [/^1 page of memberships came twice/],
    ],
    [
      'of fewer rows than declared',
      [{ records: page(1, 41), declaredTotal: 80 }],
      [/^The source says it has 80/],
    ],
    [
      'that overlap, of as many rows as declared,',
      [
        { records: page(1, 41), declaredTotal: 80 },
        { records: page(11, 51), declaredTotal: 80 },
      ],
      [/^The source says it has 80 memberships, and gave 50/],
    ],
    [
      'with a gap',
      [{ records: page(1, 41), gap: 'The rest could not be read.' }],
      [/^The rest could not be read\.$/],
    ],
    [
      'that are some of them on purpose',
      [{ records: page(1, 41), partial: true }],
      [/^Only some memberships were given\.$/],
    ],
    [
      'with a role that does not exist',
      [
        {
          records: [
            ...page(1, 80),
            { groupExternalId: 'G1', personExternalId: '80', role: 'OBSERVER' as 'STUDENT' },
          ],
        },
      ],
      [/^1 membership could not be read\.$/],
    ],
  ] as const) {
    it(`${what} end none`, async () => {
      const { school, sync } = await schoolOfEighty();
      const report = await sync(pages);
      expect(report.success).to.equal(true);
      expect(report.gaps).to.have.length(gaps.length);
      gaps.forEach((sentence, i) => {
        expect(report.gaps[i]).to.match(sentence);
      });
      expect(report.membershipCounts.deactivated).to.equal(0);
      expect(await membersOf(school)).to.have.length(85);
    });
  }

  it('that are all there are end what is in none of them', async () => {
    const { school, sync } = await schoolOfEighty();
    const report = await sync([
      { records: page(1, 41), declaredTotal: 79 },
      { records: page(41, 80), declaredTotal: 79 },
    ]);
    expect(report.gaps).to.deep.equal([]);
    expect(report.membershipCounts.deactivated).to.equal(1);
    expect(await membersOf(school)).to.have.length(84);
  });
});

describe('somebody of whom nobody can tell who it is', () => {
  /** A school in whose roster a backend put somebody with the e-mail address of the new student 51. */
  async function schoolWithConflict() {
    const { rosterService, integrationService } = await sharedServices();
    const school = await schoolWithMemberships();
    await rosterService.putStudent(school.institutionId, randomUUID(), {
      givenName: 'Luz',
      email: 'luz@colegio.cl',
    });
    await school.write({
      'students.csv': table('id,nombres,email', [
        ...students.map((row) => `${row},`),
        '51,Luisa,luz@colegio.cl',
      ]),
      'memberships.csv': table(MEMBERSHIPS, [...listed.slice(1), 'G1,51,alumno', ...taught]),
    });
    return { ...school, integrationService };
  }

  it('keeps nobody else in a group that the list has no longer, with a warning about the person alone', async () => {
    const school = await schoolWithConflict();
    const report = await school.sync(STUDENT);
    expect(report).to.deep.include({ success: true, errorCount: 0, warningCount: 1, gaps: [] });
    expect(report.membershipCounts).to.deep.include({
      read: 50,
      unchanged: 49,
      failed: 0,
      conflicts: 1,
      deactivated: 1,
    });
    expect(await school.members()).to.have.length(54);
  });

  it('ends at once for who comes back in another group', async () => {
    const school = await schoolWithMemberships();
    const away = { 'students.csv': table('id,nombres', students.slice(1)) };
    const others = [...listed.slice(1), ...taught];
    await school.write({ ...away, 'memberships.csv': table(MEMBERSHIPS, others) });
    expect((await school.sync(STUDENT)).counts).to.deep.include({ missing: 1 });
    // Of who is gone the last state is kept.
    expect(await school.members()).to.include('G2,1');
    await school.write({
      'students.csv': table('id,nombres', students),
      'memberships.csv': table(MEMBERSHIPS, [...others, 'G3,1,alumno']),
    });
    const { membershipCounts } = await school.sync(STUDENT);
    expect(membershipCounts).to.deep.include({ created: 1, deactivated: 1 });
    expect(await school.members())
      .to.include('G3,1')
      .and.not.include('G2,1');
  });

  it('ends at once for who is linked again in another group', async () => {
    const { mappingService } = await sharedServices();
    const own = {
      'students.csv': table('id,nombres,rut', [
        '1,Ana,12345678-5',
        ...students.slice(1).map((row) => `${row},`),
      ]),
    };
    const school = await schoolWithMemberships(own);
    await mappingService.repairs.unlink({
      integrationId: school.integrationId,
      entityType: STUDENT,
      externalId: '1',
    });
    await school.write({
      'memberships.csv': table(MEMBERSHIPS, ['G3,1,alumno', ...listed.slice(1), ...taught]),
    });
    const { counts, membershipCounts } = await school.sync(STUDENT);
    expect(counts).to.deep.include({ created: 0, updated: 1 });
    expect(membershipCounts).to.deep.include({ created: 1, deactivated: 1 });
    expect(await school.members())
      .to.include('G3,1')
      .and.not.include('G2,1');
  });

  it('is not spoken of again once a person said to leave him or her out, and memberships of others end as ever', async () => {
    const school = await schoolWithConflict();
    await school.sync(STUDENT);
    const [conflict] = (await school.integrationService.listConflicts(school.integrationId)).items;
    await school.integrationService.resolveConflict(school.integrationId, conflict?.id as string, 'IGNORE');
    await school.write({
      'memberships.csv': table(MEMBERSHIPS, [...listed.slice(2), 'G1,51,alumno', 'G9,51,alumno', ...taught]),
    });
    const report = await school.sync(STUDENT);
    expect(report).to.deep.include({ success: true, errorCount: 0, warningCount: 0, gaps: [] });
    expect(report.membershipCounts).to.deep.include({
      read: 50,
      unchanged: 48,
      failed: 0,
      conflicts: 2,
      deactivated: 1,
    });
    expect(await school.members()).to.have.length(53);
    const again = await school.sync(STUDENT);
    expect(again).to.deep.include({ errorCount: 0, gaps: [] });
  });
});
