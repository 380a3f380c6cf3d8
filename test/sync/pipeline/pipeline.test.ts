import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { MappingEntityType } from '../../../src/index.js';
import { newSchool, sharedServices } from '../../support/services.js';
import { until } from '../../support/until.js';

const { COURSE, GROUP, STUDENT, TEACHER } = MappingEntityType;
const STUDENTS = 'id,rut,nombres,apellidos,correo,código,fecha matrícula,estado\n';

/**
 * Rows of a table of one institution, with the places they stand at: a row that was written anew has moved.
 */
async function versions(table: string, column: string, id: string) {
  const { database } = await sharedServices();
  return database.query(
    `SELECT ctid::text, xmin::text, t.* FROM ${table} t WHERE ${column} = $1 ORDER BY ctid`,
    [id],
  );
}

describe('a sync', () => {
  it('creates people with ids of ours and the mapping between, and counts every row', async () => {
    const { integrationService, rosterService, mappingService } = await sharedServices();
    const school = await newSchool({
      'students.csv': `${STUDENTS}1,12.345.678-5,José,Peña,j@x.cl,A1,02/03/2026,ACTIVO\n2,,Ana,Soto,,,,RETIRADO\n`,
    });
    const report = await integrationService.syncData(school.integrationId, STUDENT);
    expect(report).to.deep.include({
      success: true,
      synced: 2,
      errors: [],
      errorCount: 0,
      mappingsTruncated: false,
    });
    const none = {
      updated: 0,
      unchanged: 0,
      failed: 0,
      conflicts: 0,
      missing: 0,
      deactivated: 0,
      moved: 0,
      warnings: 0,
    };
    expect(report.counts).to.deep.equal({ ...none, read: 2, created: 2 });
    const { items } = await rosterService.listStudents({ institutionId: school.institutionId });
    const jose = items.find(({ givenName }) => givenName === 'José');
    expect(jose).to.deep.include({
      nationalId: '12345678-5',
      familyName: 'Peña',
      email: 'j@x.cl',
      code: 'A1',
      enrolledOn: '2026-03-02',
      active: true,
    });
    expect(items.find(({ givenName }) => givenName === 'Ana')).to.deep.include({
      active: false,
      email: null,
    });
    const mapping = await mappingService.getMappingByExternalId(school.integrationId, STUDENT, '1');
    expect(mapping.internalId).to.equal(jose?.id);
    expect(await mappingService.getMapping(school.integrationId, STUDENT, mapping.internalId)).to.deep.equal(
      mapping,
    );
  });

  it('of unchanged files changes nothing and writes no row versions', async () => {
    const { integrationService } = await sharedServices();
    const school = await newSchool({
      'students.csv': `${STUDENTS}1,,José,Peña,,,,\n2,,Ana,Soto,bad@,,,\n`,
      'groups.csv': 'id,nombre\nG1,1A\n',
      'memberships.csv': 'grupo_id,persona_id\nG1,1\n',
    });
    for (const type of [GROUP, STUDENT]) await integrationService.syncData(school.integrationId, type);
    const look = async () => [
      await versions('students', 'institution_id', school.institutionId),
      await versions('groups', 'institution_id', school.institutionId),
      await versions('memberships', 'institution_id', school.institutionId),
      await versions('integration_mappings', 'integration_id', school.integrationId),
    ];
    const before = await look();
    const report = await integrationService.syncData(school.integrationId, STUDENT);
    await integrationService.syncData(school.integrationId, GROUP);
    expect(report.counts).to.deep.include({ created: 0, updated: 0, unchanged: 2 });
    expect(report.membershipCounts).to.deep.include({ created: 0, unchanged: 1 });
    expect(report.mappings).to.deep.equal([]);
    expect(await look()).to.deep.equal(before);
  });

  it('updates what changed and nothing else, and logs before and after', async () => {
    const { integrationService, rosterService } = await sharedServices();
    const school = await newSchool({
      'students.csv': `${STUDENTS}1,,José,Peña,j@x.cl,,,\n2,,Ana,Soto,,,,\n`,
    });
    await integrationService.syncData(school.integrationId, STUDENT);
    const first = await rosterService.listRosterChanges({ institutionId: school.institutionId });
    expect(first.changes.map(({ action }) => action)).to.deep.equal(['CREATE', 'CREATE']);
    expect(first.hasMore).to.equal(false);
    await school.write({ 'students.csv': `${STUDENTS}1,,José,Peña,jp@x.cl,,,\n2,,Ana,Soto,,,,\n` });
    const report = await integrationService.syncData(school.integrationId, STUDENT);
    expect(report.counts).to.deep.include({ created: 0, updated: 1, unchanged: 1 });
    const { changes } = await rosterService.listRosterChanges({
      institutionId: school.institutionId,
      pageToken: first.nextPageToken,
    });
    expect(changes).to.have.length(1);
    expect(changes[0]).to.deep.include({ action: 'UPDATE', entity: 'STUDENT', runId: report.runId });
    expect(changes[0]?.before?.email).to.equal('j@x.cl');
    expect(changes[0]?.after?.email).to.equal('jp@x.cl');
  });

  it('leaves fields alone that the source does not have, and values that a warning dropped', async () => {
    const { integrationService, rosterService } = await sharedServices();
    const school = await newSchool({ 'students.csv': 'id,nombres,correo,código\n1,Ana,ana@x.cl,C1\n' });
    await integrationService.syncData(school.integrationId, STUDENT);
    await school.write({ 'students.csv': 'id,nombres,correo\n1,Ana María,ana@\n' });
    const report = await integrationService.syncData(school.integrationId, STUDENT);
    expect(report).to.deep.include({ warningCount: 1, errorCount: 0, synced: 1 });
    const { items } = await rosterService.listStudents({ institutionId: school.institutionId });
    expect(items[0]).to.deep.include({ givenName: 'Ana María', email: 'ana@x.cl', code: 'C1' });
  });

  it('keeps bad rows out with file, line, column, value, rule and hint, and lets the others go on', async () => {
    const { integrationService } = await sharedServices();
    const school = await newSchool({
      'students.csv': `${STUDENTS}1,,José,Peña,x@,,,\n,,Eva,Paz,,,,\n3,,,,,,,\n1,,Otro,Más,,,,\n4,,Ana,Soto,,,,\n`,
    });
    const report = await integrationService.syncData(school.integrationId, STUDENT);
    expect(report.success).to.equal(true);
    expect(report.counts).to.deep.include({ read: 5, created: 2, failed: 3, warnings: 1 });
    expect(report.errors).to.deep.equal([
      'students.csv line 3: the row has no id',
      'students.csv line 4: student "3" has no name',
      'students.csv line 5: student id "1" is already on line 2; the first one counts',
    ]);
    const { items } = await integrationService.listSyncIssues(school.integrationId, report.runId, {
      severity: 'WARNING',
    });
    expect(items).to.deep.equal([
      {
        number: 1,
        severity: 'WARNING',
        rule: 'email.invalid',
        message: 'students.csv line 2: correo "x@" is not a valid address',
        file: 'students.csv',
        line: 2,
        column: 'correo',
        value: 'x@',
        hint: 'Correct the address or leave it empty.',
        externalId: '1',
      },
    ]);
    const page = await integrationService.listSyncIssues(school.integrationId, report.runId, { pageSize: 2 });
    const rest = await integrationService.listSyncIssues(school.integrationId, report.runId, {
      pageSize: 2,
      pageToken: page.nextPageToken,
    });
    expect([...page.items, ...rest.items].map(({ number }) => number)).to.deep.equal([1, 2, 3, 4]);
  });

  it('leaves people alone who vanished from the source, and counts them; a row kept out has not vanished', async () => {
    const { integrationService, rosterService } = await sharedServices();
    const school = await newSchool({ 'students.csv': 'id,nombres\n1,Ana\n2,Eva\n3,Pía\n' });
    await integrationService.syncData(school.integrationId, STUDENT);
    await school.write({ 'students.csv': 'id,nombres\n1,Ana\n2,\n' });
    const report = await integrationService.syncData(school.integrationId, STUDENT);
    expect(report.counts).to.deep.include({ read: 2, unchanged: 1, failed: 1, missing: 1 });
    const { items } = await rosterService.listStudents({ institutionId: school.institutionId });
    expect(items.filter(({ active }) => active)).to.have.length(3);
  });

  it('counts the first of two rows with one id, also when one of them is unchanged', async () => {
    const { integrationService, rosterService } = await sharedServices();
    const school = await newSchool({ 'students.csv': 'id,nombres\n1,Ana\n2,Eva\n3,Pía\n' });
    await integrationService.syncData(school.integrationId, STUDENT);
    const resync = async (csv: string) => {
      await school.write({ 'students.csv': csv });
      const { counts, errors } = await integrationService.syncData(school.integrationId, STUDENT);
      const { items } = await rosterService.listStudents({ institutionId: school.institutionId });
      return { counts, errors, names: items.map(({ givenName }) => givenName).sort() };
    };
    const changedLast = await resync('id,nombres\n1,Ana\n2,Eva\n1,Luz\n');
    expect(changedLast.names).to.deep.equal(['Ana', 'Eva', 'Pía']);
    expect(changedLast.counts).to.deep.include({ read: 3, updated: 0, unchanged: 2, failed: 1, missing: 1 });
    expect(changedLast.errors).to.deep.equal([
      'students.csv line 4: student id "1" is already on line 2; the first one counts',
    ]);
    const same = await resync('id,nombres\n1,Ana\n2,Eva\n1,Ana\n3,Pía\n');
    expect(same.counts).to.deep.include({ read: 4, updated: 0, unchanged: 3, failed: 1, missing: 0 });
    expect(same.errors).to.deep.equal([
      'students.csv line 4: student id "1" is already on line 2; the first one counts',
    ]);
    const changedFirst = await resync('id,nombres\n1,Luz\n2,Eva\n1,Ana\n3,\n');
    expect(changedFirst.names).to.deep.equal(['Eva', 'Luz', 'Pía']);
    expect(changedFirst.counts).to.deep.include({ read: 4, updated: 1, unchanged: 1, failed: 2, missing: 0 });
    expect(changedFirst.errors).to.deep.include(
      'students.csv line 4: student id "1" is already on line 2; the first one counts',
    );
  });

  it('makes a person anew, under the old id, who was removed from the roster behind its back', async () => {
    const { integrationService, rosterService, database, mappingService } = await sharedServices();
    const school = await newSchool({ 'students.csv': 'id,nombres\n1,Ana\n' });
    await integrationService.syncData(school.integrationId, STUDENT);
    const { internalId } = await mappingService.getMappingByExternalId(school.integrationId, STUDENT, '1');
    await database.query('DELETE FROM students WHERE institution_id = $1', [school.institutionId]);
    const { counts } = await integrationService.syncData(school.integrationId, STUDENT);
    expect(counts).to.deep.include({ created: 1, unchanged: 0 });
    expect(
      (await rosterService.listStudents({ institutionId: school.institutionId })).items.map(({ id }) => id),
    ).to.deep.equal([internalId]);
  });

  it('looks some changed rows up among very many', async () => {
    const { integrationService } = await sharedServices();
    const file = (changed: string) =>
      `id,nombres\n${Array.from({ length: 12_000 }, (_, i) => `${i},Ana ${i % 20 === 7 ? changed : ''}${i}`).join('\n')}\n`;
    const school = await newSchool({ 'students.csv': file('') });
    await integrationService.syncData(school.integrationId, STUDENT);
    await school.write({ 'students.csv': file('x') });
    const { counts } = await integrationService.syncData(school.integrationId, STUDENT);
    expect(counts).to.deep.include({ created: 0, updated: 600, unchanged: 11_400, missing: 0 });
  });

  it('forgets the digests of whom a TRUNCATE removes, and of nobody else', async () => {
    const { integrationService, database } = await sharedServices();
    const school = await newSchool({
      'students.csv': 'id,nombres\n1,Ana\n',
      'courses.csv': 'id,nombre\nC1,Mates\n',
    });
    for (const entityType of [STUDENT, COURSE])
      await integrationService.syncData(school.integrationId, entityType);
    const undone = new Error('undone');
    const truncated = database.transaction(async () => {
      await database.query('TRUNCATE students');
      const digested =
        'SELECT entity_type AS of FROM integration_mappings WHERE integration_id = $1 AND digest IS NOT NULL';
      expect(await database.query(digested, [school.integrationId])).to.deep.equal([{ of: COURSE }]);
      throw undone;
    });
    expect(await truncated.catch((error: unknown) => error)).to.equal(undone);
  });

  it('writes nothing when the source fails midway', async () => {
    const { integrationService, rosterService, mappingService } = await sharedServices();
    const rows = Array.from({ length: 9_000 }, (_, i) => `${i},Ana ${i}`).join('\n');
    const school = await newSchool({ 'students.csv': `id,nombres\n${rows}\n9001,"Eva\n` });
    const report = await integrationService.syncData(school.integrationId, STUDENT);
    expect(report).to.deep.include({ success: false, synced: 0 });
    expect(report.errors[0]).to.match(/students\.csv ends inside a quotation; the row begins on line 9002/);
    expect((await rosterService.listStudents({ institutionId: school.institutionId })).items).to.deep.equal(
      [],
    );
    expect(await mappingService.countMappings(school.integrationId)).to.equal(0);
    expect((await integrationService.getIntegration(school.integrationId)).status).to.equal('ERROR');
    const { database } = await sharedServices();
    expect(
      await database.query('SELECT 1 FROM sync_staged WHERE integration_id = $1', [school.integrationId]),
    ).to.deep.equal([]);
  });

  it('gives a group its course once the course is known, although the group itself did not change', async () => {
    const { integrationService, rosterService } = await sharedServices();
    const school = await newSchool({
      'groups.csv': 'id,nombre,curso_id\nG1,1A,C1\n',
      'courses.csv': 'id,nombre\nC1,Mates\n',
    });
    const early = await integrationService.syncData(school.integrationId, GROUP);
    expect(early.warningCount).to.equal(1);
    await integrationService.syncData(school.integrationId, COURSE);
    expect((await integrationService.syncData(school.integrationId, GROUP)).counts).to.deep.include({
      updated: 1,
    });
    const [group] = (await rosterService.listGroups({ institutionId: school.institutionId })).items;
    const [course] = (await rosterService.listCourses({ institutionId: school.institutionId })).items;
    expect(group?.courseId).to.equal(course?.id);
  });

  it('brings memberships with the students and the teachers of groups with the groups', async () => {
    const { integrationService, rosterService } = await sharedServices();
    const school = await newSchool({
      'teachers.csv': 'id,nombres\nP1,Paz\nP2,Luz\n',
      'groups.csv': 'id,nombre,profesor_id\nG1,1A,P1\n',
      'students.csv': 'id,nombres,grupo\n1,Ana,G1\n2,Eva,\n',
      'memberships.csv':
        'grupo_id,persona_id,rol\nG1,2,alumno\nG1,P2,profesor\nG1,1,alumno\nG9,1,alumno\nG1,77,alumno\n',
    });
    for (const type of [TEACHER, GROUP]) await integrationService.syncData(school.integrationId, type);
    const report = await integrationService.syncData(school.integrationId, STUDENT);
    expect(report.membershipCounts).to.deep.include({ read: 5, created: 2, unchanged: 1, failed: 2 });
    expect(report.errors).to.deep.equal([
      'memberships.csv line 5: group "G9" is not known',
      'memberships.csv line 6: student "77" is not known',
    ]);
    const { items } = await rosterService.listMemberships({ institutionId: school.institutionId });
    expect(items.map(({ role }) => role).sort()).to.deep.equal(['STUDENT', 'STUDENT', 'TEACHER', 'TEACHER']);
  });

  it('is refused while another of the same integration and entity type is under way, with its run id', async () => {
    const { integrationService, database } = await sharedServices();
    const school = await newSchool({
      'students.csv': 'id,nombres\n1,Ana\n',
      'courses.csv': 'id,nombre\nC1,X\n',
    });
    const runId = randomUUID();
    await database.query(
      `INSERT INTO sync_runs (integration_id, id, institution_id, entity_type, owner, lease_until)
       VALUES ($1, $2, $3, 'STUDENT', $4, now() + interval '1 hour')`,
      [school.integrationId, runId, school.institutionId, randomUUID()],
    );
    const error = await integrationService
      .syncData(school.integrationId, STUDENT)
      .catch((thrown: unknown) => thrown);
    expect(error).to.deep.include({ code: 'aborted', reason: 'SYNC_ALREADY_RUNNING' });
    expect((error as { metadata: object }).metadata).to.include({ runId });
    expect((await integrationService.syncData(school.integrationId, COURSE)).success).to.equal(true);
  });

  it('takes up the run of a process that died, and does it from the start under the same id', async () => {
    const { integrationService, database, rosterService } = await sharedServices();
    const school = await newSchool({ 'students.csv': 'id,nombres\n1,Ana\n,Eva\n' });
    const runId = randomUUID();
    const left = [school.integrationId, runId];
    await database.query(
      `INSERT INTO sync_runs (integration_id, id, institution_id, entity_type, owner, lease_until, counts)
       VALUES ($1, $2, $3, 'STUDENT', $4, now() - interval '1 second', '{"read": 7}')`,
      [...left, school.institutionId, randomUUID()],
    );
    await database.query(
      `INSERT INTO sync_staged (integration_id, run_id, kind, seq, external_id, given_name) VALUES ($1, $2, 'ENTITY', 1, 'ghost', 'Ghost')`,
      left,
    );
    await database.query(
      `INSERT INTO sync_issues (integration_id, run_id, number, severity, rule, message) VALUES ($1, $2, 1, 'ERROR', 'x', 'x')`,
      left,
    );
    await until(
      async () => (await integrationService.getSyncRun(school.integrationId, runId)).status !== 'RUNNING',
    );
    const run = await integrationService.getSyncRun(school.integrationId, runId);
    expect(run).to.deep.include({ status: 'COMPLETED', attempt: 2 });
    expect(run.counts).to.deep.include({ read: 2, created: 1, failed: 1 });
    const { items } = await rosterService.listStudents({ institutionId: school.institutionId });
    expect(items.map(({ givenName }) => givenName)).to.deep.equal(['Ana']);
    expect((await integrationService.listSyncIssues(school.integrationId, runId)).items).to.have.length(1);
  });

  it('whose run was taken away writes nothing', async () => {
    const { integrationService, database, rosterService } = await sharedServices();
    const school = await newSchool({ 'students.csv': 'id,nombres\n1,Ana\n' });
    // What a process that was asleep for too long finds: the run belongs to another by now.
    await database.query(`CREATE FUNCTION steal_${school.integrationId.replaceAll('-', '')}() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN UPDATE leases SET owner = gen_random_uuid() WHERE integration_id = NEW.integration_id; RETURN NEW; END $$`);
    await database.query(`CREATE TRIGGER steal AFTER INSERT ON sync_changes FOR EACH ROW
      WHEN (NEW.integration_id = '${school.integrationId}') EXECUTE FUNCTION steal_${school.integrationId.replaceAll('-', '')}()`);
    try {
      const error = await integrationService
        .syncData(school.integrationId, STUDENT)
        .catch((thrown: unknown) => thrown);
      expect(error).to.deep.include({ code: 'aborted', reason: 'LEASE_LOST' });
    } finally {
      await database.query(`DROP FUNCTION steal_${school.integrationId.replaceAll('-', '')} CASCADE`);
    }
    expect((await rosterService.listStudents({ institutionId: school.institutionId })).items).to.deep.equal(
      [],
    );
  });
});
