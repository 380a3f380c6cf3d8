import { mkdir, readdir, readFile, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { MappingEntityType } from '../../src/index.js';
import { newSchool, newSession, sharedServices } from '../support/services.js';

const { COURSE, GROUP, STUDENT } = MappingEntityType;

const ROWS = ['1;Ana;Soto;1° Básico A', '2;Pía;Díaz;1º BÁSICO A ', '3;Luz;Vera;2° Básico B', '4;Eva;Paz;'];
const students = (...rows: string[]) => `id;nombres;apellidos;Curso\n${rows.join('\n')}\n`;

async function membersOf(institutionId: string) {
  const { rosterService } = await sharedServices();
  const groups = await rosterService.listGroups({ institutionId });
  const members = await Promise.all(
    groups.items.map(async ({ id, name }) => {
      const { items } = await rosterService.listStudents({ institutionId, groupId: id });
      return [name, items.map(({ givenName }) => givenName).sort()] as const;
    }),
  );
  return Object.fromEntries(members);
}

describe('a school with students.csv alone', () => {
  it('keeps a group that is written in two ways, in whatever order its students come and whoever leaves', async () => {
    const { integrationService, mappingService } = await sharedServices();
    const rows = ['1;Ana;Soto;1º BÁSICO A', '2;Pía;Díaz;1° Básico A', '3;Luz;Vera;1° Básico A'];
    const school = await newSchool({ 'students.csv': students(...rows) });
    const { integrationId, institutionId } = school;
    await integrationService.syncData(integrationId);
    const before = await mappingService.getMappingByExternalId(integrationId, GROUP, '1 BASICO A');
    for (const next of [rows.toReversed(), rows.slice(1), [...rows.slice(0, 2), '4;Eva;Paz;1° Básico A']]) {
      await school.write({ 'students.csv': students(...next, '9;Sol;Mora;1° BÁSICO A') });
      const report = await integrationService.syncData(integrationId, GROUP);
      expect(report.counts).to.deep.include({ created: 0, missing: 0, failed: 0 });
    }
    const { errors } = await integrationService.syncData(integrationId, STUDENT);
    expect(errors).to.deep.equal([]);
    const after = await mappingService.getMappingByExternalId(integrationId, GROUP, '1 BASICO A');
    expect(after.internalId).to.equal(before.internalId);
    expect(await membersOf(institutionId)).to.have.all.keys('1° Básico A');
  });

  it('keeps a group when most rows begin to write it otherwise: it is renamed, and nobody leaves it', async () => {
    const { integrationService } = await sharedServices();
    const spelled = (...courses: string[]) =>
      students(...courses.map((course, n) => `${n};Ana;Soto;${course}`));
    const school = await newSchool({ 'students.csv': spelled('1° Medio A', '1° Medio A', '1º medio A') });
    const { integrationId, institutionId } = school;
    await integrationService.syncData(integrationId);
    const others = [
      ['1º medio A', '1º medio A', '1° Medio A'],
      ['1 MEDIO A', '1 MEDIO A', '1º medio A'],
      ['1.Médio A', '1°_Médio A.', '1.Médio A'],
    ];
    for (const courses of others) {
      await school.write({ 'students.csv': spelled(...courses) });
      const report = await integrationService.syncData(integrationId);
      expect(report).to.deep.include({ success: true, status: 'COMPLETED', errorCount: 0 });
      expect(report.counts).to.deep.include({ created: 0, updated: 1, missing: 0, deactivated: 0 });
      expect(report.membershipCounts).to.deep.include({ created: 0, deactivated: 0, unchanged: 3 });
      expect(Object.keys(await membersOf(institutionId))).to.deep.equal([courses[0]]);
    }
  });

  it('makes one name of Curso and Grupo, so that the A of two courses are two, and warns of it once', async () => {
    const { integrationService, rosterService } = await sharedServices();
    const text = [
      'id;nombres;Curso;Grupo',
      '1;Ana;1° Medio;A',
      '2;Luz;2° Medio;A',
      '3;Eva;2° Medio;2° Medio B',
      '4;Sol;2° Medio;',
      '5;Mar;;A',
    ].join('\n');
    const school = await newSchool({ 'students.csv': text }, { coursesFromStudents: true });
    const { integrationId, institutionId } = school;
    const report = await integrationService.syncData(integrationId);
    expect(report.errors).to.deep.equal([]);
    expect(await membersOf(institutionId)).to.deep.equal({
      '1° Medio A': ['Ana'],
      '2° Medio A': ['Luz'],
      '2° Medio B': ['Eva'],
      '2° Medio': ['Sol'],
      A: ['Mar'],
    });
    const courses = (await rosterService.listCourses({ institutionId })).items;
    expect(courses.map(({ name }) => name).sort()).to.deep.equal(['1° Medio', '2° Medio', 'A']);
    const group = report.parts.find(({ run }) => run.entityType === GROUP);
    const { items } = await integrationService.listSyncIssues(integrationId, group?.run.id as string);
    expect(items.map(({ severity, rule, file }) => [severity, rule, file])).to.deep.equal([
      ['WARNING', 'groups.columns', 'students.csv'],
    ]);
    expect(items[0]?.message).to.contain('"Curso" and "Grupo" make one name');
    await integrationService.updateIntegration(integrationId, {
      config: { columns: { students: { groupExternalId: 'Grupo' } } },
      policy: { graceRuns: 0, guard: { floor: 100 } },
    });
    const chosen = await integrationService.syncData(integrationId);
    expect(chosen).to.deep.include({ success: true, warningCount: 0 });
    expect((await membersOf(institutionId)).A).to.deep.equal(['Ana', 'Luz', 'Mar']);
  });

  it('takes ids of groups as they are where a column is one of ids, and names the course by Curso', async () => {
    const { integrationService, rosterService, mappingService } = await sharedServices();
    const text =
      'id;nombres;Curso;grupo_id\n1;Ana;1° Medio;sec-1.A\n2;Luz;1º MEDIO;sec-1.B\n3;Eva;1° Medio;SEC-1.a\n';
    const school = await newSchool({ 'students.csv': text }, { coursesFromStudents: true });
    const { integrationId, institutionId } = school;
    const report = await integrationService.syncData(integrationId);
    expect(report.errors).to.deep.equal([]);
    for (const id of ['sec-1.A', 'sec-1.B', 'SEC-1.a'])
      await mappingService.getMappingByExternalId(integrationId, GROUP, id);
    await mappingService.getMappingByExternalId(integrationId, COURSE, '1 MEDIO');
    const courses = (await rosterService.listCourses({ institutionId })).items;
    expect(courses.map(({ name }) => name)).to.deep.equal(['1° Medio']);
  });

  it('gets its groups from the column Curso, with name, code and members, and its attendance back', async () => {
    const { integrationService, rosterService, mappingService } = await sharedServices();
    const school = await newSchool({ 'students.csv': students(...ROWS) }, { exportPath: 'attendance-alone' });
    const { integrationId, institutionId } = school;
    const report = await integrationService.syncData(integrationId);
    expect(report).to.deep.include({ success: true, status: 'COMPLETED', errors: [], errorCount: 0 });
    expect(report.parts.map(({ status, counts }) => [status, counts.created])).to.deep.equal([
      ['COMPLETED', 0],
      ['COMPLETED', 0],
      ['COMPLETED', 2],
      ['COMPLETED', 4],
    ]);
    expect(report.gaps.map((gap) => gap.slice(0, 25))).to.deep.equal([
      'courses.csv is not there.',
      'teachers.csv is not there',
    ]);
    expect(await membersOf(institutionId)).to.deep.equal({
      '1° Básico A': ['Ana', 'Pía'],
      '2° Básico B': ['Luz'],
    });
    const { items } = await rosterService.listGroups({ institutionId });
    expect(items.map(({ code }) => code).sort()).to.deep.equal(['1° Básico A', '2° Básico B']);
    await mappingService.getMappingByExternalId(integrationId, GROUP, '1 BASICO A');
    const session = await newSession(school, { group: '1 BASICO A' }, { 1: 'PRESENT', 2: 'ABSENT' });
    expect(await integrationService.sendAttendance(integrationId, session.id)).to.deep.include({
      success: true,
      sent: 2,
    });
    const { files } = await sharedServices();
    const folder = join(files, 'attendance-alone');
    const [name] = await readdir(folder);
    expect(await readFile(join(folder, name as string), 'utf8')).to.contain('1° Básico A');
    const again = await integrationService.syncData(integrationId);
    expect(again.counts).to.deep.include({ created: 0, updated: 0, missing: 0 });
    expect(again.membershipCounts).to.deep.include({ created: 0, deactivated: 0, unchanged: 3 });
  });

  it('has its groups put together from Curso and Letra, and courses where the settings say so', async () => {
    const { integrationService, rosterService } = await sharedServices();
    const text =
      'RUN;Nombres;Desc Grado;Letra Curso\n11111112-K;Ana;1° Básico;A\n22222222-2;Pía;1° Básico;B\n';
    const { integrationId, institutionId } = await newSchool(
      { 'students.csv': text },
      { coursesFromStudents: true },
    );
    expect((await integrationService.syncData(integrationId)).errors).to.deep.equal([]);
    expect(await membersOf(institutionId)).to.deep.equal({ '1° Básico A': ['Ana'], '1° Básico B': ['Pía'] });
    const courses = (await rosterService.listCourses({ institutionId })).items;
    expect(courses.map(({ name }) => name)).to.deep.equal(['1° Básico']);
    const groups = (await rosterService.listGroups({ institutionId })).items;
    expect(groups.map(({ courseId }) => courseId)).to.deep.equal([courses[0]?.id, courses[0]?.id]);
  });

  it('moves somebody into another group when the column says so, and drops a group that nobody is in', async () => {
    const { integrationService } = await sharedServices();
    const school = await newSchool({ 'students.csv': students(...ROWS) });
    await integrationService.updateIntegration(school.integrationId, { policy: { graceRuns: 0 } });
    await integrationService.syncData(school.integrationId);
    await school.write({
      'students.csv': students(...ROWS.slice(0, 2), '3;Luz;Vera;1° Básico A', '4;Eva;Paz;'),
    });
    const { counts, membershipCounts } = await integrationService.syncData(school.integrationId);
    expect(counts).to.deep.include({ created: 0, deactivated: 1, failed: 0 });
    expect(membershipCounts).to.deep.include({ created: 1, failed: 0 });
    expect((await membersOf(school.institutionId))['1° Básico A']).to.deep.equal(['Ana', 'Luz', 'Pía']);
  });

  it('keeps every group while a row cannot be read that may name one', async () => {
    const { integrationService } = await sharedServices();
    const school = await newSchool({ 'students.csv': students(...ROWS) });
    await integrationService.updateIntegration(school.integrationId, { policy: { graceRuns: 0 } });
    await integrationService.syncData(school.integrationId);
    await school.write({ 'students.csv': students(...ROWS.slice(0, 2), '3;Luz;Vera;2°;Básico;B') });
    const report = await integrationService.syncData(school.integrationId, GROUP);
    expect(report.counts).to.deep.include({ missing: 1, deactivated: 0 });
    expect(report.gaps[0]).to.match(/1 row of students\.csv could not be read, and may name other groups/);
  });

  it('is refused as the wrong folder when not even that is there, and nobody is lost', async () => {
    const { integrationService } = await sharedServices();
    const school = await newSchool({ 'students.csv': students(...ROWS) });
    await integrationService.syncData(school.integrationId);
    await rm(join(school.folder, 'students.csv'));
    const report = await integrationService.syncData(school.integrationId);
    expect(report).to.deep.include({ success: false, status: 'FAILED' });
    expect(report.errors[0]).to.match(/is not where the files are imported from, nor is any of the others/);
    await rmdir(join(school.folder, 'export'));
    expect((await integrationService.testConnection(school.integrationId)).success).to.equal(false);
    await school.write({ 'students.csv': students(...ROWS) });
    expect((await integrationService.testConnection(school.integrationId)).success).to.equal(true);
    expect((await integrationService.syncData(school.integrationId)).counts).to.deep.include({
      created: 0,
      missing: 0,
    });
  });
});

describe('a sync of the students', () => {
  it('does not mind a groups.csv that cannot be opened', async () => {
    const { integrationService } = await sharedServices();
    const school = await newSchool({ 'students.csv': students(...ROWS) });
    await mkdir(join(school.folder, 'groups.csv'));
    expect((await integrationService.syncData(school.integrationId, STUDENT)).success).to.equal(true);
    const { errors } = await integrationService.syncData(school.integrationId, GROUP);
    expect(errors[0]).to.match(/groups\.csv is not a regular file/);
  });

  it('says so when no row names a group in a school without groups.csv', async () => {
    const { integrationService } = await sharedServices();
    const { integrationId } = await newSchool({ 'students.csv': students('1;Ana;Soto;', '2;Luz;Vera;') });
    const report = await integrationService.syncData(integrationId);
    expect(report).to.deep.include({ success: true, errorCount: 0 });
    expect(report.gaps.join()).to.contain('no row of students.csv says in which group somebody is');
  });
});

describe('a file that is not there in a sync of everything', () => {
  const FILES = {
    'courses.csv': 'id,nombre\nC1,Mates\nC2,Arte\n',
    'groups.csv': 'id,nombre,curso_id\nG1,1A,C1\nG2,1B,C2\n',
    'students.csv': 'id,nombres,grupo\n1,Ana,G1\n2,Luz,G2\n',
  };

  for (const name of Object.keys(FILES)) {
    it(`is said to be missing, and takes nobody away: ${name}`, async () => {
      const { integrationService, database } = await sharedServices();
      const school = await newSchool(FILES);
      const { integrationId, institutionId } = school;
      await integrationService.updateIntegration(integrationId, {
        policy: { graceRuns: 0, guard: { floor: 0 } },
      });
      await integrationService.syncData(integrationId);
      const state = () =>
        database.query(
          `SELECT id, name, active FROM groups WHERE institution_id = $1
           UNION SELECT id, name, active FROM courses WHERE institution_id = $1
           UNION SELECT id, given_name, active FROM students WHERE institution_id = $1
           UNION SELECT person_id, group_id::text, true FROM memberships WHERE institution_id = $1 ORDER BY 1, 2`,
          [institutionId],
        );
      const before = await state();
      await rm(join(school.folder, name));
      for (let round = 0; round < 3; round++) {
        const report = await integrationService.syncData(integrationId);
        expect(report).to.deep.include({ success: true, status: 'COMPLETED' });
        expect(report.gaps.join(' ')).to.contain(`${name} is not`);
        expect(await state()).to.deep.equal(before);
      }
      // Whoever asks for that list alone is told that it failed.
      const type = { 'courses.csv': COURSE, 'groups.csv': GROUP, 'students.csv': STUDENT }[name];
      const alone = await integrationService.syncData(integrationId, type);
      expect(alone).to.deep.include({ success: false, status: 'FAILED' });
      expect(await state()).to.deep.equal(before);
      await school.write(FILES);
      const whole = await integrationService.syncData(integrationId);
      expect(whole).to.deep.include({ success: true, errorCount: 0 });
      expect(await state()).to.deep.equal(before);
    });
  }

  it('is one gap in a sync of the students, whose column Curso is not looked at while groups.csv is away', async () => {
    const { integrationService, rosterService } = await sharedServices();
    const files = {
      'groups.csv': 'id,nombre\nG1,1A\nG2,1B\n',
      'students.csv': 'id,nombres,curso\n1,Ana,1° A\n2,Luz,1° B\n3,Eva,1° B\n',
      'memberships.csv': 'grupo_id,persona_id\nG1,1\nG2,2\n',
    };
    const school = await newSchool(files);
    const { integrationId, institutionId } = school;
    await integrationService.updateIntegration(integrationId, {
      policy: { graceRuns: 0, guard: { floor: 0 } },
    });
    expect(await integrationService.syncData(integrationId)).to.deep.include({
      success: true,
      errorCount: 0,
    });
    const members = async () =>
      (await rosterService.listMemberships({ institutionId })).items
        .map(({ groupId, personId }) => `${groupId} ${personId}`)
        .sort();
    const before = await members();
    expect(before).to.have.length(2);
    await rm(join(school.folder, 'groups.csv'));
    for (const type of [STUDENT, undefined]) {
      const report = await integrationService.syncData(integrationId, type);
      expect(report).to.deep.include({ success: true, errors: [], errorCount: 0 });
      const told = report.gaps.filter((gap) => gap.includes('groups.csv is not there'));
      expect(told).to.have.length(1);
      expect(told[0]).to.match(/those that students\.csv names were not used.*Put it back/);
      expect(await members()).to.deep.equal(before);
    }
    // A column that refers to the list goes on to do so.
    const moved = 'id,nombres,grupo\n1,Ana,G2\n2,Luz,G2\n3,Eva,G2\n';
    await school.write({ 'students.csv': moved });
    const report = await integrationService.syncData(integrationId, STUDENT);
    expect(report).to.deep.include({ success: true, errorCount: 0 });
    expect(report.membershipCounts).to.deep.include({ created: 2 });
    await school.write(files);
    expect((await integrationService.syncData(integrationId, STUDENT)).gaps).to.deep.equal([]);
  });

  it('is taken from students.csv instead once the settings say that there is none any more', async () => {
    const { integrationService, rosterService } = await sharedServices();
    const school = await newSchool(FILES);
    await integrationService.syncData(school.integrationId);
    await rm(join(school.folder, 'groups.csv'));
    await school.write({ 'students.csv': 'id,nombres,grupo\n1,Ana,G1\n2,Luz,G3\n' });
    await integrationService.updateIntegration(school.integrationId, {
      config: { files: { groups: 'none' } },
    });
    const report = await integrationService.syncData(school.integrationId);
    expect(report).to.deep.include({ success: true, errorCount: 0 });
    const { items } = await rosterService.listGroups({ institutionId: school.institutionId });
    expect(items.map(({ name }) => name).sort()).to.deep.equal(['1B', 'G1', 'G3']);
  });

  it('is not spoken of when the settings say that the school has none', async () => {
    const { integrationService } = await sharedServices();
    const { integrationId } = await newSchool(
      { 'students.csv': students(...ROWS) },
      { files: { teachers: 'none', courses: 'none' } },
    );
    const report = await integrationService.syncData(integrationId);
    expect(report.parts.map(({ run }) => run.entityType)).to.deep.equal([GROUP, STUDENT]);
    expect(report.gaps).to.deep.equal([]);
  });
});

describe('members whose group nobody knows', () => {
  for (const [how, header, config] of [
    ['by a column that is recognised', 'grupo', {}],
    ['by one that the settings name', 'Taller', { columns: { students: { groupExternalId: 'Taller' } } }],
  ] as const) {
    it(`are errors that are counted, ${how}`, async () => {
      const { integrationService } = await sharedServices();
      const school = await newSchool(
        {
          'groups.csv': 'id,nombre\nG1,1A\n',
          'students.csv': `id,nombres,${header}\n1,Ana,G1\n2,Luz,G9\n3,Eva,G8\n`,
        },
        config,
      );
      const early = await integrationService.syncData(school.integrationId, STUDENT);
      expect(early.errors.join()).to.match(/3 rows refer to groups, and no group was ever synced/);
      expect(early.errorCount).to.equal(1);
      expect(early.membershipCounts).to.deep.include({ read: 3, failed: 3 });
      const report = await integrationService.syncData(school.integrationId);
      expect(report.errorCount).to.equal(2);
      expect(report.errors).to.deep.equal([
        'students.csv line 3: group "G9" is not known',
        'students.csv line 4: group "G8" is not known',
      ]);
      expect(report.membershipCounts).to.deep.include({ read: 3, failed: 2, created: 1 });
    });
  }
});

describe('a school that has memberships.csv no longer', () => {
  const files = {
    'groups.csv': 'id,nombre\nG1,1A\n',
    'students.csv': 'id,nombres\n1,Ana\n2,Luz\n',
    'memberships.csv': 'grupo_id,persona_id\nG1,1\nG1,2\n',
  };
  const count = async (institutionId: string) => {
    const { rosterService } = await sharedServices();
    return (await rosterService.listMemberships({ institutionId })).items.length;
  };

  it('is told in the gap how to say so, and then its memberships end and no gap is left', async () => {
    const { integrationService } = await sharedServices();
    const school = await newSchool(files);
    await integrationService.syncData(school.integrationId);
    expect(await count(school.institutionId)).to.equal(2);
    await rm(join(school.folder, 'memberships.csv'));
    const gap = await integrationService.syncData(school.integrationId, STUDENT);
    expect(gap.gaps.join()).to.match(
      /where 2 are known\. memberships\.csv is not there.*config\.files\.memberships to "none"/,
    );
    expect(await count(school.institutionId)).to.equal(2);
    await integrationService.updateIntegration(school.integrationId, {
      config: { files: { memberships: 'none' } },
    });
    const report = await integrationService.syncData(school.integrationId, STUDENT);
    expect(report).to.deep.include({ success: true, gaps: [] });
    expect(report.membershipCounts).to.deep.include({ deactivated: 2 });
    expect(await count(school.institutionId)).to.equal(0);
    expect((await integrationService.syncData(school.integrationId, STUDENT)).gaps).to.deep.equal([]);
  });

  it('has a person asked before many of them end', async () => {
    const { integrationService } = await sharedServices();
    const ids = Array.from({ length: 20 }, (_, n) => n);
    const school = await newSchool({
      ...files,
      'students.csv': `id,nombres\n${ids.map((id) => `${id},Ana`).join('\n')}\n`,
      'memberships.csv': `grupo_id,persona_id\n${ids.map((id) => `G1,${id}`).join('\n')}\n`,
    });
    await integrationService.syncData(school.integrationId);
    await integrationService.updateIntegration(school.integrationId, {
      config: { files: { memberships: 'none' } },
    });
    const report = await integrationService.syncData(school.integrationId, STUDENT);
    expect(report.status).to.equal('HELD');
    expect(await count(school.institutionId)).to.equal(20);
    await integrationService.approveSync(school.integrationId, report.runId);
    expect(await count(school.institutionId)).to.equal(0);
  });
});

describe('a row number in students.csv', () => {
  const list = (ids: readonly number[]) =>
    `N° Lista;id;nombres;Teléfono\n${ids.map((id, n) => `${n + 1};${id};Ana;${id}`).join('\n')}\n`;
  const ids = Array.from({ length: 40 }, (_, n) => n + 1);

  it('is no change of anybody when all have another one', async () => {
    const { integrationService } = await sharedServices();
    const school = await newSchool({ 'students.csv': list(ids) });
    await integrationService.syncData(school.integrationId, STUDENT);
    await school.write({ 'students.csv': list([...ids].reverse()) });
    const report = await integrationService.syncData(school.integrationId, STUDENT);
    expect(report).to.deep.include({ success: true, status: 'COMPLETED' });
    expect(report.counts).to.deep.include({ updated: 0, unchanged: 40 });
  });

  it('that is kept as metadata changes, and holds no run', async () => {
    const { integrationService } = await sharedServices();
    const school = await newSchool({ 'students.csv': list(ids) }, { metadata: ['N° Lista'] });
    await integrationService.syncData(school.integrationId, STUDENT);
    await school.write({ 'students.csv': list([...ids].reverse()) });
    const report = await integrationService.syncData(school.integrationId, STUDENT);
    expect(report).to.deep.include({ success: true, status: 'COMPLETED' });
    expect(report.counts).to.deep.include({ updated: 40 });
  });
});

describe('a state that nobody knows', () => {
  it('leaves who is known as before and lets nobody new be active, until the settings say what it means', async () => {
    const { integrationService, rosterService } = await sharedServices();
    const list = (...rows: string[]) => `id,nombres,estado\n${rows.join('\n')}\n`;
    const school = await newSchool({ 'students.csv': list('1,Ana,Activo', '2,Luz,Retirado') });
    const { integrationId, institutionId } = school;
    await integrationService.syncData(integrationId, STUDENT);
    const active = async () => {
      const { items } = await rosterService.listStudents({ institutionId });
      return Object.fromEntries(items.map((student) => [student.givenName, student.active]));
    };
    const odd = list('1,Ana,Condicional', '2,Luz,Condicional', '3,Eva,Condicional');
    await school.write({ 'students.csv': odd });
    for (let round = 0; round < 2; round++) {
      const report = await integrationService.syncData(integrationId, STUDENT);
      expect(report).to.deep.include({ success: true, warningCount: 1, errorCount: 0 });
      expect(await active()).to.deep.equal({ Ana: true, Luz: false, Eva: false });
    }
    await integrationService.updateIntegration(integrationId, {
      config: { states: { Condicional: 'ACTIVE' } },
    });
    expect((await integrationService.syncData(integrationId, STUDENT)).warningCount).to.equal(0);
    expect(await active()).to.deep.equal({ Ana: true, Luz: true, Eva: true });
  });

  it('is asked about in a first sync too, and nobody is active by it', async () => {
    const { integrationService, rosterService } = await sharedServices();
    const { integrationId, institutionId } = await newSchool({
      'students.csv': 'id,nombres,estado\n1,Ana,Postulante\n2,Luz,Regular\n',
    });
    const report = await integrationService.syncData(integrationId, STUDENT);
    expect(report.warningCount).to.equal(1);
    const { items } = await rosterService.listStudents({ institutionId });
    expect(items.map(({ givenName, active }) => [givenName, active]).sort()).to.deep.equal([
      ['Ana', false],
      ['Luz', true],
    ]);
  });
});
