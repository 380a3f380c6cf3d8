import { expect } from 'chai';
import { IntegrationProvider, MappingEntityType } from '../../../src/connectors/index.js';
import { enrolment, person, record } from '../../support/oneroster/index.js';
import { newIntegration, newSession, sharedServices } from '../../support/services.js';
import { rejectionOf } from '../http/kit.js';
import { closeAll, simulate } from './read-oneroster.js';

const { COURSE, GROUP, STUDENT, TEACHER } = MappingEntityType;
const now = () => new Date().toISOString();

/** A simulated school, and an integration that reads it. */
async function school() {
  const given = await simulate();
  const { settings, simulator } = given;
  const { integrationService, rosterService, mappingService, database } = await sharedServices();
  const target = await newIntegration(IntegrationProvider.ONEROSTER, settings.config, settings.credentials);
  const { institutionId, integrationId } = target;
  const change = (list: 'users' | 'enrollments' | 'classes', id: string, fields: object) =>
    Object.assign(
      given.school[list].find(({ sourcedId }) => sourcedId === id) as object,
      { dateLastModified: now() },
      fields,
    );
  return {
    ...given,
    ...target,
    change,
    /** Syncs, and tells whether only changes were asked for. */
    async sync(type?: MappingEntityType) {
      simulator.calls.length = 0;
      const report = await integrationService.syncData(integrationId, type);
      const run = await integrationService.getSyncRun(integrationId, report.runId);
      const onlyChanges = simulator.calls.some(
        (call) => call.startsWith('students') && call.includes('filter='),
      );
      return { report, run, onlyChanges };
    },
    async statusOf(id: string, type = STUDENT) {
      const mapping = await mappingService.getMappingByExternalId(integrationId, type, id);
      const { active } = await rosterService.getStudent(institutionId, mapping.internalId);
      return [mapping.status, active ? 'active' : 'inactive'];
    },
    async groupsOf(id: string, type = STUDENT) {
      const rows = await database.query<{ id: string }>(
        `SELECT g.external_id AS id FROM memberships t
         JOIN integration_mappings g ON g.integration_id = $2 AND g.internal_id = t.group_id AND g.entity_type = 'GROUP'
         JOIN integration_mappings p ON p.integration_id = $2 AND p.internal_id = t.person_id AND p.entity_type = t.role
         WHERE t.institution_id = $1 AND p.external_id = $3 AND t.role = $4 ORDER BY 1`,
        [institutionId, integrationId, id, type],
      );
      return rows.map((row) => row.id);
    },
  };
}

describe('syncs of OneRoster', () => {
  afterEach(closeAll);

  it('let nobody go whom a list has as to be deleted, and further down as active', async () => {
    const { sync, statusOf, school: given } = await school();
    await sync();
    for (const id of ['S3', 'S5']) {
      const at = given.users.findIndex(({ sourcedId }) => sourcedId === id);
      const user = given.users[at];
      if (!user) throw new Error('no such student');
      given.users.splice(at, 0, { ...user, status: 'tobedeleted', dateLastModified: now() });
      user.dateLastModified = now();
    }
    await sync();
    expect(await statusOf('S3')).to.deep.equal(['ACTIVE', 'active']);
    expect(await statusOf('S5'), 'over the edge of a page').to.deep.equal(['ACTIVE', 'active']);
  });

  it('bring in courses, teachers, groups, students and who is in which class', async () => {
    const { sync, groupsOf } = await school();
    const { report, onlyChanges } = await sync();
    expect(report.errors).to.deep.equal([]);
    expect(report).to.deep.include({ success: true, synced: 24, warningCount: 0 });
    expect(report.membershipCounts).to.deep.include({ created: 42 });
    expect(onlyChanges).to.equal(false);
    expect(await groupsOf('S7')).to.deep.equal(['G1', 'G2', 'G3']);
    expect(await groupsOf('T2', TEACHER)).to.deep.equal(['G1', 'G2']);
  });

  it('ask for what changed from then on; who is not in that is not gone', async () => {
    const { sync, change, statusOf, groupsOf, school: there } = await school();
    await sync();
    change('users', 'S4', { familyName: 'Ríos' });
    change('users', 'S5', { status: 'tobedeleted' });
    there.users.push(person('S99', 'student', { dateLastModified: now() }));
    there.enrollments.push(enrolment('G2', 'S99', 'student', { dateLastModified: now() }));
    // Gone without a word: nothing tells of it until everything is read.
    there.users.splice(
      there.users.findIndex(({ sourcedId }) => sourcedId === 'S6'),
      1,
    );
    const { report, run, onlyChanges } = await sync(STUDENT);
    expect(onlyChanges).to.equal(true);
    expect(report.counts).to.deep.include({ read: 3, created: 1 });
    expect(run.evidence.gaps).to.include('Only some students were given.');
    expect(await statusOf('S5')).to.include('inactive');
    expect(await statusOf('S6')).to.deep.equal(['ACTIVE', 'active']);
    expect(await groupsOf('S99')).to.deep.equal(['G2']);
    expect(await groupsOf('S4')).to.deep.equal(['G1', 'G2', 'G3']);
  });

  it('read everything after other settings, and then who is not there is missing', async () => {
    const { sync, statusOf, integrationId, school: there } = await school();
    await sync();
    there.users.splice(
      there.users.findIndex(({ sourcedId }) => sourcedId === 'S6'),
      1,
    );
    there.enrollments = there.enrollments.filter(({ sourcedId }) => !sourcedId.endsWith('-S6'));
    const { integrationService } = await sharedServices();
    await integrationService.updateIntegration(integrationId, { config: { fullEveryDays: 3 } });
    const { run, onlyChanges } = await sync(STUDENT);
    expect(onlyChanges).to.equal(false);
    expect(run.evidence.gaps).to.deep.equal([]);
    expect(await statusOf('S6')).to.include('MISSING');
  });

  it('end a membership at once when its enrolment is deleted', async () => {
    const { sync, change, groupsOf } = await school();
    await sync();
    change('enrollments', 'G2-S4', { status: 'tobedeleted' });
    change('enrollments', 'G1-T1', { endDate: '2020-12-31' });
    await sync();
    expect(await groupsOf('S4')).to.deep.equal(['G1', 'G3']);
    expect(await groupsOf('T1', TEACHER)).to.deep.equal([]);
    expect(await groupsOf('S5')).to.deep.equal(['G1', 'G2', 'G3']);
  });

  it('read everything again as long as a row cannot be used, for it may depend on what did not change', async () => {
    const { sync, school: there, groupsOf } = await school();
    there.enrollments.push(enrolment('G404', 'S1', 'student'));
    const first = await sync();
    expect(first.report.errorCount).to.equal(1);
    expect(first.report.errors[0]).to.contain('G404');
    expect((await sync(STUDENT)).onlyChanges).to.equal(false);
    // Now the class is there; the enrolment is as old as it was.
    there.classes.push(
      record('G404', { title: '8°A', course: { sourcedId: 'C1' }, dateLastModified: now() }),
    );
    await sync(GROUP);
    expect((await sync(STUDENT)).report.errors).to.deep.equal([]);
    expect(await groupsOf('S1')).to.include('G404');
    expect((await sync(STUDENT)).onlyChanges).to.equal(true);
  });

  it('read everything after a run was taken back, and after a mapping was repaired', async () => {
    const { sync, change, integrationId } = await school();
    const { integrationService, mappingService } = await sharedServices();
    await sync();
    change('users', 'S4', { familyName: 'Ríos' });
    const { report, onlyChanges } = await sync(STUDENT);
    expect(onlyChanges).to.equal(true);
    await integrationService.rollbackSync(integrationId, report.runId);
    expect((await sync(STUDENT)).onlyChanges).to.equal(false);
    expect((await sync(STUDENT)).onlyChanges).to.equal(true);
    await mappingService.repairs.unlink({ integrationId, entityType: STUDENT, externalId: 'S7' });
    const after = await sync(STUDENT);
    expect(after.onlyChanges).to.equal(false);
    expect(after.report.mappings.map(({ externalId }) => externalId)).to.include('S7');
  });

  it('read everything after a sync was taken back by a plan that was previewed before the latest reading', async () => {
    const { sync, statusOf, integrationId } = await school();
    const { integrationService } = await sharedServices();
    for (const type of [COURSE, TEACHER, GROUP]) await sync(type);
    const { report } = await sync(STUDENT);
    const plan = await integrationService.rollbackSync(integrationId, report.runId, { preview: true });
    expect((await sync(STUDENT)).onlyChanges).to.equal(true);
    await integrationService.approveSync(integrationId, plan.runId);
    const { onlyChanges, report: again } = await sync(STUDENT);
    expect(onlyChanges).to.equal(false);
    expect(again.counts).to.include({ created: report.counts.created });
    expect(await statusOf('S4')).to.deep.equal(['ACTIVE', 'active']);
    expect((await sync(STUDENT)).onlyChanges).to.equal(true);
  });

  it('read everything after a preview was approved that is older than the latest reading', async () => {
    const { sync, integrationId } = await school();
    const { integrationService } = await sharedServices();
    await sync();
    const plan = await integrationService.previewSync(integrationId, STUDENT);
    expect((await sync(STUDENT)).onlyChanges).to.equal(true);
    await integrationService.approveSync(integrationId, plan.runId);
    expect((await sync(STUDENT)).onlyChanges).to.equal(false);
    expect((await sync(STUDENT)).onlyChanges).to.equal(true);
  });

  it('read everything once others win in a field, and once somebody was edited', async () => {
    const { sync, integrationId, institutionId } = await school();
    const { integrationService, mappingService, rosterService } = await sharedServices();
    await sync();
    const { internalId } = await mappingService.getMappingByExternalId(integrationId, STUDENT, 'S4');
    const { givenName } = await rosterService.getStudent(institutionId, internalId);
    await rosterService.putStudent(institutionId, internalId, { givenName: 'Otra' });
    expect((await sync(STUDENT)).onlyChanges).to.equal(false);
    expect(await rosterService.getStudent(institutionId, internalId)).to.include({ givenName });
    expect((await sync(STUDENT)).onlyChanges).to.equal(true);
    const policy = { fields: { STUDENT: { givenName: 'SMARTID' } } };
    await integrationService.updateIntegration(integrationId, { policy });
    expect((await sync(STUDENT)).onlyChanges).to.equal(false);
    expect((await sync(STUDENT)).onlyChanges).to.equal(true);
  });

  it('read everything as long as a class has a course that is not there', async () => {
    const { sync, integrationId, institutionId, school: there } = await school();
    const { mappingService, rosterService } = await sharedServices();
    there.classes.push(record('G9', { title: 'Huérfana', course: { sourcedId: 'C404' } }));
    await sync();
    there.courses.push(record('C404', { title: 'Tardía', dateLastModified: now() }));
    await sync();
    const { internalId } = await mappingService.getMappingByExternalId(integrationId, GROUP, 'G9');
    const course = await mappingService.getMappingByExternalId(
      integrationId,
      MappingEntityType.COURSE,
      'C404',
    );
    const { courseId } = await rosterService.getGroup(institutionId, internalId);
    expect(courseId).to.equal(course.internalId);
  });

  it('that are held do not count as read: the next asks for the same again', async () => {
    const { sync, change, statusOf, integrationId } = await school();
    await sync();
    for (const n of [1, 2, 3, 4, 5, 6, 7]) change('users', `S${n}`, { status: 'tobedeleted' });
    const held = await sync(STUDENT);
    expect(held.report.status).to.equal('HELD');
    const { integrationService } = await sharedServices();
    await integrationService.discardSync(integrationId, held.report.runId);
    const again = await sync(STUDENT);
    expect(again.report.status).to.equal('HELD');
    expect(await statusOf('S1')).to.deep.equal(['ACTIVE', 'active']);
  });

  it('that fail in the middle write nothing, and name what failed without the token', async () => {
    const { sync, vices } = await school();
    vices.missing.set('enrollments', 403);
    const { report } = await sync(STUDENT);
    expect(report).to.deep.include({ success: false, synced: 0 });
    expect(report.errors[0]).to.contain('read enrollments').and.not.contain('token-');
  });

  it('a class whose course is not there comes in with a warning', async () => {
    const { sync, school: there } = await school();
    there.classes.push(record('G9', { title: 'Huérfana', course: { sourcedId: 'C404' } }));
    const { report } = await sync();
    expect(report).to.deep.include({ success: true, errorCount: 0, warningCount: 1 });
  });

  it('attendance is unimplemented, before any call', async () => {
    const { sync, simulator, integrationId, institutionId } = await school();
    await sync();
    const session = await newSession({ institutionId, integrationId }, { group: 'G1' }, { S1: 'PRESENT' });
    simulator.calls.length = 0;
    const { integrationService } = await sharedServices();
    const error = await rejectionOf(integrationService.sendAttendance(integrationId, session.id));
    expect(error).to.include({
      code: 'unimplemented',
      message: 'ONEROSTER takes no attendance: it is only read from.',
    });
    expect(simulator.calls).to.deep.equal([]);
  });
});
