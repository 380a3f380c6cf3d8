import { expect } from 'chai';
import { MappingEntityType } from '../../src/index.js';
import { newSchool, newSession, sharedServices } from '../support/services.js';

const { COURSE, TEACHER, GROUP, STUDENT } = MappingEntityType;
const TYPES = [COURSE, TEACHER, GROUP, STUDENT];

const FILES = {
  'courses.csv': 'id,nombre\nC1,Matemática\nC2,Lenguaje\n',
  'teachers.csv': 'id,nombres,apellidos,estado\nT1,Eva,Paz,ACTIVO\nT2,Luz,Rojas,ACTIVO\n',
  'groups.csv': 'id,nombre,curso_id\nG1,1A,C1\nG2,1B,C2\n',
  'students.csv': 'id,nombres,apellidos,estado\n1,Ana,Soto,ACTIVO\n2,José,Díaz,ACTIVO\n3,Luz,Vera,ACTIVO\n',
  'memberships.csv': 'grupo_id,persona_id,rol\nG1,1,alumno\nG1,2,alumno\nG2,3,alumno\nG1,T1,profesor\n',
};
/** Of each file something new, changed, inactive or gone. */
const CHANGED = {
  'courses.csv': 'id,nombre\nC1,Álgebra\nC3,Historia\n',
  'teachers.csv':
    'id,nombres,apellidos,estado\nT1,Eva María,Paz,ACTIVO\nT2,Luz,Rojas,RETIRADO\nT3,Ana,Gil,ACTIVO\n',
  'groups.csv': 'id,nombre,curso_id\nG1,1A mañana,C3\nG3,2A,C1\n',
  'students.csv':
    'id,nombres,apellidos,estado\n1,Ana,Soto Paz,ACTIVO\n2,José,Díaz,RETIRADO\n4,Eva,Mora,ACTIVO\n,sin,id,ACTIVO\n',
  'memberships.csv': 'grupo_id,persona_id,rol\nG3,1,alumno\nG1,2,alumno\nG3,4,alumno\nG1,T3,profesor\n',
};

/** A school by its external ids: whatever two schools with the same files must have in common. */
async function stateOf({ integrationId, institutionId }: { integrationId: string; institutionId: string }) {
  const { database } = await sharedServices();
  const entities = TYPES.map(
    (type) =>
      `SELECT m.entity_type || ' ' || m.external_id AS key, to_jsonb(t) - '{id,institution_id,course_id,created_at,updated_at}'::text[]
         || jsonb_build_object('missing', m.missing_runs, 'course', (SELECT c.external_id FROM integration_mappings c
              WHERE c.integration_id = $2 AND c.entity_type = 'COURSE' AND c.internal_id::text = to_jsonb(t)->>'course_id')) AS value
       FROM integration_mappings m LEFT JOIN ${type.toLowerCase()}s t ON t.institution_id = $1 AND t.id = m.internal_id
       WHERE m.integration_id = $2 AND m.entity_type = '${type}'`,
  );
  return database.query<{ key: string; value: Record<string, unknown> }>(
    `${entities.join(' UNION ALL ')}
     UNION ALL SELECT 'MEMBERSHIP ' || g.external_id || ' ' || p.external_id, jsonb_build_object('role', s.role) FROM memberships s
       JOIN integration_mappings g ON g.integration_id = $2 AND g.internal_id = s.group_id
       JOIN integration_mappings p ON p.integration_id = $2 AND p.internal_id = s.person_id
       WHERE s.institution_id = $1 ORDER BY 1`,
    [institutionId, integrationId],
  );
}

async function movedOf(integrationId: string, runId: string, outcome: 'MOVED' | 'REFUSED' = 'MOVED') {
  const { integrationService } = await sharedServices();
  const { items } = await integrationService.listSyncChanges(integrationId, runId, { outcome });
  return items.map(({ entity, externalId, reason }) => [entity, externalId, reason]);
}

describe('a preview that is approved', () => {
  it('does what a sync does, with each entity type, of a first reading and of changed files', async () => {
    const { integrationService } = await sharedServices();
    const [synced, previewed] = [await newSchool(FILES), await newSchool(FILES)];
    const policy = { guard: { floor: 1_000 } };
    for (const { integrationId } of [synced, previewed])
      await integrationService.updateIntegration(integrationId, { policy });
    // The files of the last reading come twice: whoever is missing for the second time is deactivated.
    for (const files of [FILES, CHANGED, CHANGED, FILES, FILES]) {
      for (const school of [synced, previewed]) await school.write(files);
      for (const type of TYPES) {
        const report = await integrationService.syncData(synced.integrationId, type);
        const preview = await integrationService.previewSync(previewed.integrationId, type);
        expect(preview.status).to.equal('PREVIEWED');
        const approved = await integrationService.approveSync(previewed.integrationId, preview.runId);
        expect(approved.status).to.equal(report.status);
        expect(approved.counts, type).to.deep.equal(report.counts);
        expect(approved.membershipCounts, type).to.deep.equal(report.membershipCounts);
        expect(await stateOf(previewed), type).to.deep.equal(await stateOf(synced));
      }
    }
    const last = await integrationService.syncData(previewed.integrationId);
    expect(last.counts).to.deep.include({ created: 0, updated: 0 });
  });

  it('lets one person stand for one row: of two changes that say otherwise the first counts', async () => {
    const { integrationService, rosterService, database } = await sharedServices();
    const { integrationId, institutionId } = await newSchool({ 'students.csv': FILES['students.csv'] });
    const { runId } = await integrationService.previewSync(integrationId, STUDENT);
    const claim = (column: string, seq: number) =>
      database.execute(
        `UPDATE sync_changes c SET ${column} = f.${column} FROM sync_changes f
         WHERE c.integration_id = $1 AND c.run_id = $2 AND c.seq = $3 AND f.integration_id = $1 AND f.run_id = $2 AND f.seq = 1`,
        [integrationId, runId, seq],
      );
    await claim('internal_id', 2);
    await claim('external_id', 3);
    const approved = await integrationService.approveSync(integrationId, runId);
    expect(approved).to.deep.include({ success: true, synced: 1 });
    const reason = 'Another row of the same plan stands for this one.';
    expect(await movedOf(integrationId, runId)).to.deep.equal([
      ['STUDENT', '2', reason],
      ['STUDENT', '1', reason],
    ]);
    const { items } = await rosterService.listStudents({ institutionId });
    expect(items.map(({ givenName }) => givenName)).to.deep.equal(['Ana']);
  });

  it('of groups leaves out a group that is gone, which the next sync brings again', async () => {
    const { integrationService } = await sharedServices();
    const school = await newSchool({ ...FILES, 'memberships.csv': 'grupo_id,persona_id\n' });
    const { integrationId } = school;
    await integrationService.syncData(integrationId, COURSE);
    const { runId: first } = await integrationService.syncData(integrationId, GROUP);
    await school.write({ 'groups.csv': 'id,nombre,curso_id\nG1,1A tarde,C1\nG2,1B,C2\n' });
    const { runId } = await integrationService.previewSync(integrationId, GROUP);
    await integrationService.rollbackSync(integrationId, first);
    const approved = await integrationService.approveSync(integrationId, runId);
    expect(approved).to.deep.include({ success: true, status: 'COMPLETED' });
    expect(approved.counts).to.deep.include({ moved: 1 });
    expect(await movedOf(integrationId, runId)).to.deep.equal([
      ['GROUP', 'G1', 'It is no longer in the roster.'],
    ]);
    expect((await integrationService.syncData(integrationId, GROUP)).counts).to.deep.include({ created: 2 });
    expect((await stateOf(school)).find(({ key }) => key === 'GROUP G1')?.value).to.deep.include({
      name: '1A tarde',
      course: 'C1',
    });
  });

  it('of groups leaves out the groups of a course that is gone, and the syncs after it bring both', async () => {
    const { integrationService } = await sharedServices();
    const school = await newSchool(FILES);
    const { integrationId } = school;
    const { runId: courses } = await integrationService.syncData(integrationId, COURSE);
    await integrationService.syncData(integrationId, TEACHER);
    const { runId } = await integrationService.previewSync(integrationId, GROUP);
    await integrationService.rollbackSync(integrationId, courses);
    await integrationService.approveSync(integrationId, runId);
    const moved = await movedOf(integrationId, runId);
    expect(moved.filter(([entity]) => entity === 'GROUP')).to.deep.equal([
      ['GROUP', 'G1', 'Its course is not in the roster.'],
      ['GROUP', 'G2', 'Its course is not in the roster.'],
    ]);
    expect((await stateOf(school)).filter(({ key }) => /^(GROUP|MEMBERSHIP)/.test(key))).to.deep.equal([]);
    expect((await integrationService.syncData(integrationId)).success).to.equal(true);
    const state = new Map((await stateOf(school)).map(({ key, value }) => [key, value]));
    expect(state.get('GROUP G1')).to.deep.include({ course: 'C1' });
    expect(state.get('MEMBERSHIP G1 T1')).to.deep.equal({ role: 'TEACHER' });
  });

  it('of students leaves out memberships of a group that is gone, and brings the students', async () => {
    const { integrationService } = await sharedServices();
    const school = await newSchool(FILES);
    const { integrationId } = school;
    const { runId: groups } = await integrationService.syncData(integrationId, GROUP);
    const { runId } = await integrationService.previewSync(integrationId, STUDENT);
    await integrationService.rollbackSync(integrationId, groups);
    const approved = await integrationService.approveSync(integrationId, runId);
    expect(approved.counts).to.deep.include({ created: 3, moved: 0 });
    expect(approved.membershipCounts).to.deep.include({ moved: 3 });
    await integrationService.syncData(integrationId);
    const keys = (await stateOf(school)).map(({ key }) => key).filter((key) => key.startsWith('MEMBERSHIP'));
    expect(keys).to.deep.equal(['MEMBERSHIP G1 1', 'MEMBERSHIP G1 2', 'MEMBERSHIP G1 T1', 'MEMBERSHIP G2 3']);
  });

  it('leaves out a field that a backend changed meanwhile, and the next sync tries it again', async () => {
    const { integrationService, rosterService, mappingService } = await sharedServices();
    const school = await newSchool(FILES);
    const { integrationId, institutionId } = school;
    await integrationService.syncData(integrationId);
    await school.write({
      'students.csv': FILES['students.csv'].replace('1,Ana', '1,Anita').replace('2,José', '2,Josefa'),
    });
    const { runId } = await integrationService.previewSync(integrationId, STUDENT);
    const { internalId } = await mappingService.getMappingByExternalId(integrationId, STUDENT, '1');
    await rosterService.putStudent(institutionId, internalId, { givenName: 'Ana Luisa' });
    const approved = await integrationService.approveSync(integrationId, runId);
    expect(approved.counts).to.deep.include({ moved: 1 });
    expect(await movedOf(integrationId, runId)).to.deep.equal([
      ['STUDENT', '1', 'It was changed in the roster after the plan was made.'],
    ]);
    expect((await rosterService.getStudent(institutionId, internalId)).givenName).to.equal('Ana Luisa');
    expect((await integrationService.syncData(integrationId, STUDENT)).counts).to.deep.include({
      updated: 1,
      unchanged: 2,
    });
    expect((await rosterService.getStudent(institutionId, internalId)).givenName).to.equal('Anita');
  });
});

describe('a rollback that was previewed', () => {
  it('leaves a student who got a mark meanwhile, with the mark, and lists it as refused', async () => {
    const { integrationService, rosterService, mappingService, database } = await sharedServices();
    const school = await newSchool(FILES);
    const { integrationId, institutionId } = school;
    await integrationService.syncData(integrationId);
    const rows = '4,Eva,Mora,ACTIVO\n5,Iris,Lara,ACTIVO\n';
    await school.write({ 'students.csv': FILES['students.csv'] + rows });
    const { runId } = await integrationService.syncData(integrationId, STUDENT);
    const preview = await integrationService.rollbackSync(integrationId, runId, { preview: true });
    expect(await movedOf(integrationId, preview.runId, 'REFUSED')).to.deep.equal([]);
    const session = await newSession(school, { group: 'G1' }, { 4: 'LATE' });
    const { internalId } = await mappingService.getMappingByExternalId(integrationId, STUDENT, '4');
    await integrationService.approveSync(integrationId, preview.runId);
    expect(await movedOf(integrationId, preview.runId, 'REFUSED')).to.deep.equal([
      ['STUDENT', '4', 'It is in use: lessons, marks, groups or another integration refer to it.'],
    ]);
    expect((await rosterService.getStudent(institutionId, internalId)).givenName).to.equal('Eva');
    const marks = await database.query(
      'SELECT student_id AS student, status FROM attendance_records WHERE session_id = $1',
      [session.id],
    );
    expect(marks).to.deep.equal([{ student: internalId, status: 'LATE' }]);
    const gone = await mappingService
      .getMappingByExternalId(integrationId, STUDENT, '5')
      .catch((error: unknown) => error);
    expect(gone).to.deep.include({ code: 'not_found' });
    // The next sync knows who stayed, and brings the other one again.
    expect((await integrationService.syncData(integrationId, STUDENT)).counts).to.deep.include({
      created: 1,
      unchanged: 4,
    });
  });
});

describe('a rollback that was done before', () => {
  it('brings nobody back a second time: all is refused and listed, and the roster is as after the first', async () => {
    const { integrationService } = await sharedServices();
    const school = await newSchool(FILES);
    const { integrationId } = school;
    const { runId } = await integrationService.syncData(integrationId, 'ALL');
    const back = await integrationService.rollbackSync(integrationId, runId);
    await integrationService.rollbackSync(integrationId, back.runId);
    const before = await stateOf(school);
    const again = await integrationService.rollbackSync(integrationId, back.runId);
    expect(again.counts).to.deep.include({ created: 0 });
    const parts = again.parts.map(({ counts }) => [counts.failed, counts.read]);
    for (const [failed, read] of parts) expect(failed).to.equal(read);
    expect(await stateOf(school)).to.deep.equal(before);
  });
});

describe('a held plan', () => {
  const people = (from: number, to: number, name = 'Ana') =>
    Array.from({ length: to - from }, (_, i) => `${from + i},${name},Soto ${from + i},ACTIVO\n`).join('');
  const file = (rows: string) => ({ 'students.csv': `id,nombres,apellidos,estado\n${rows}` });

  it('is applied as it was shown although the source changed again, and the next sync brings the newer state', async () => {
    const { integrationService } = await sharedServices();
    const school = await newSchool(file(people(0, 40)));
    const { integrationId } = school;
    await integrationService.updateIntegration(integrationId, { policy: { graceRuns: 0 } });
    await integrationService.syncData(integrationId, STUDENT);
    await school.write(file(people(0, 20)));
    const { runId, status } = await integrationService.syncData(integrationId, STUDENT);
    expect(status).to.equal('HELD');
    await school.write(file(people(0, 10, 'Eva') + people(10, 40)));
    const approved = await integrationService.approveSync(integrationId, runId, 'They left.');
    expect(approved.counts).to.deep.include({ deactivated: 20, updated: 0, moved: 0 });
    const next = await integrationService.syncData(integrationId, STUDENT);
    expect(next.counts).to.deep.include({ created: 0, updated: 30, unchanged: 10, missing: 0 });
  });

  it('of everything is discarded by a good sync of everything, and approving it says so', async () => {
    const { integrationService } = await sharedServices();
    const school = await newSchool({
      ...FILES,
      ...file(people(0, 40)),
      'memberships.csv': 'grupo_id,persona_id\n',
    });
    const { integrationId } = school;
    await integrationService.syncData(integrationId);
    await school.write(file(people(0, 20)));
    const held = await integrationService.syncData(integrationId);
    expect(held).to.deep.include({ success: false, status: 'HELD' });
    await school.write(file(people(0, 40)));
    expect((await integrationService.syncData(integrationId)).success).to.equal(true);
    expect((await integrationService.getSyncRun(integrationId, held.runId)).status).to.equal('DISCARDED');
    const refused = await integrationService
      .approveSync(integrationId, held.runId)
      .catch((error: unknown) => error);
    expect(refused).to.deep.include({ code: 'failed_precondition', reason: 'SYNC_RUN_NOT_WAITING' });
    expect((refused as Error).message).to.contain('is DISCARDED');
    expect((await integrationService.getIntegration(integrationId)).status).to.equal('ACTIVE');
  });

  it('and a failure are still what an integration tells of after a connection test, whatever the test finds', async () => {
    const { integrationService } = await sharedServices();
    const school = await newSchool(file(people(0, 40)));
    const { integrationId } = school;
    const toldOf = async () => {
      const { status, lastError } = await integrationService.getIntegration(integrationId);
      return { status, lastError };
    };
    const checks: boolean[] = [];
    const test = async () => {
      const before = await toldOf();
      checks.push((await integrationService.testConnection(integrationId)).success);
      expect(await toldOf()).to.deep.equal(before);
      return before.status;
    };
    await integrationService.syncData(integrationId, STUDENT);
    await school.write({ 'students.csv': '' });
    expect(await test()).to.equal('ACTIVE');
    await integrationService.syncData(integrationId, STUDENT);
    await school.write(file(people(0, 20)));
    expect(await test()).to.equal('ERROR');
    expect((await integrationService.syncData(integrationId, STUDENT)).status).to.equal('HELD');
    expect(await test()).to.equal('ACTIVE');
    expect(checks).to.include(true).and.to.include(false);
  });
});
