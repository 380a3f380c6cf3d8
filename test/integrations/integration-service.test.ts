import { randomUUID } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { expect } from 'chai';
import { IntegrationModel } from '../../src/database/index.js';
import { MappingEntityType } from '../../src/index.js';
import { newSchool, sharedServices } from '../support/services.js';

const { STUDENT, GROUP, TEACHER } = MappingEntityType;

async function failure(
  promise: Promise<unknown>,
): Promise<{ code?: string; message: string; violations?: { field: string }[] }> {
  return promise.then(
    () => ({ message: 'no error' }),
    (error) => error,
  );
}

describe('IntegrationService', () => {
  it('refuses settings that cannot be, and names every field', async () => {
    const { integrationService } = await sharedServices();
    const base = { institutionId: randomUUID(), provider: 'GENERIC_CSV', credentials: {} };
    const missing = await failure(
      integrationService.createIntegration({ ...base, config: { timeZone: 'Mars/Olympus', colour: 1 } }),
    );
    expect(missing.code).to.equal('invalid_argument');
    expect(missing.violations?.map(({ field }) => field)).to.include.members([
      'config.importPath',
      'config.timeZone',
    ]);
    const secret = await failure(
      integrationService.createIntegration({ ...base, config: { importPath: 'x' }, credentials: { k: 'v' } }),
    );
    expect(secret.violations?.[0]?.field).to.equal('credentials');
    const unknown = await failure(integrationService.createIntegration({ ...base, provider: 'NOPE' }));
    expect(unknown.message).to.match(/"NOPE" is not known; known are IDUKAY, MOODLE, ONEROSTER, GENERIC_CSV/);
  });

  it('changes the fields that are sent and no others; null removes a setting', async () => {
    const { integrationService } = await sharedServices();
    const { integrationId, folder } = await newSchool();
    const before = await integrationService.getIntegration(integrationId);
    const changed = await integrationService.updateIntegration(integrationId, {
      config: { timeZone: 'America/Guayaquil', exportPath: null },
    });
    expect(changed.config).to.deep.equal({ importPath: basename(folder), timeZone: 'America/Guayaquil' });
    expect(changed).to.deep.include({
      status: before.status,
      provider: before.provider,
      createdAt: before.createdAt,
    });
    const bad = await failure(
      integrationService.updateIntegration(integrationId, { config: { importPath: null } }),
    );
    expect(bad.code).to.equal('invalid_argument');
    expect((await integrationService.getIntegration(integrationId)).config).to.deep.equal(changed.config);
  });

  it('goes to ERROR with the reason on failure, and back to ACTIVE on the next success', async () => {
    const { integrationService } = await sharedServices();
    const school = await newSchool();
    expect(await integrationService.syncData(school.integrationId, STUDENT)).to.deep.include({
      success: false,
    });
    const broken = await integrationService.getIntegration(school.integrationId);
    expect(broken).to.deep.include({ status: 'ERROR', lastSyncAt: null });
    expect(broken.lastError).to.match(/students\.csv is not where the files are imported from/);
    await school.write({ 'students.csv': 'id,nombres\n1,Ana\n' });
    expect((await integrationService.syncData(school.integrationId, STUDENT)).success).to.equal(true);
    const well = await integrationService.getIntegration(school.integrationId);
    expect(well).to.deep.include({ status: 'ACTIVE', lastError: null });
    expect(well.lastSyncAt).to.be.instanceOf(Date);
  });

  it('refuses to sync and to send while INACTIVE', async () => {
    const { integrationService } = await sharedServices();
    const { integrationId } = await newSchool({ 'students.csv': 'id,nombres\n1,Ana\n' });
    await integrationService.updateIntegration(integrationId, { status: 'INACTIVE' });
    expect((await failure(integrationService.syncData(integrationId, STUDENT))).code).to.equal(
      'failed_precondition',
    );
    expect((await failure(integrationService.sendAttendance(integrationId, randomUUID()))).code).to.equal(
      'failed_precondition',
    );
    await integrationService.testConnection(integrationId);
    expect((await integrationService.getIntegration(integrationId)).status).to.equal('INACTIVE');
  });

  it('answers a connection test that the school refuses with the reason', async () => {
    const { integrationService } = await sharedServices();
    const { integrationId } = await newSchool({}, { importPath: 'no/such/folder' });
    const result = await integrationService.testConnection(integrationId);
    expect(result.success).to.equal(false);
    expect(result.message).to.match(/folder "no\/such\/folder" cannot be opened/);
  });

  it('stores credentials sealed, and never gives them out', async () => {
    const { integrationService, database } = await sharedServices();
    const { integrationId } = await newSchool();
    const row = await database.repository(IntegrationModel).findByPk(integrationId);
    expect(row?.credentials).to.match(/^v1\./);
    expect(await integrationService.getIntegration(integrationId)).to.not.have.property('credentials');
  });

  it('deletes an integration with its mappings and runs; the roster stays', async () => {
    const { integrationService, rosterService, mappingService, database } = await sharedServices();
    const { integrationId, institutionId } = await newSchool({ 'students.csv': 'id,nombres\n1,Ana\n' });
    await integrationService.syncData(integrationId, STUDENT);
    await integrationService.deleteIntegration(integrationId);
    expect((await failure(integrationService.getIntegration(integrationId))).code).to.equal('not_found');
    expect((await failure(integrationService.deleteIntegration(integrationId))).code).to.equal('not_found');
    expect(await mappingService.countMappings(integrationId)).to.equal(0);
    for (const table of ['sync_runs', 'sync_changes', 'sync_issues']) {
      expect(
        await database.query(`SELECT 1 FROM ${table} WHERE integration_id = $1`, [integrationId]),
        table,
      ).to.deep.equal([]);
    }
    expect((await rosterService.listStudents({ institutionId })).items).to.have.length(1);
  });

  it('lists integrations of an institution page by page, oldest first', async () => {
    const { integrationService } = await sharedServices();
    const { institutionId, integrationId } = await newSchool();
    const config = { importPath: 'x' };
    const ids = [integrationId];
    for (let i = 0; i < 2; i++) {
      ids.push(
        (await integrationService.createIntegration({ institutionId, provider: 'generic_csv', config })).id,
      );
    }
    const first = await integrationService.listIntegrations({ institutionId, pageSize: 2 });
    const second = await integrationService.listIntegrations({
      institutionId,
      pageSize: 2,
      pageToken: first.nextPageToken,
    });
    expect([...first.items, ...second.items].map(({ id }) => id)).to.deep.equal(ids);
    expect(second.nextPageToken).to.equal(undefined);
    expect((await failure(integrationService.listIntegrations({ pageToken: 'nonsense' }))).code).to.equal(
      'invalid_argument',
    );
  });
});

describe('attendance', () => {
  it('is translated and sent; a student without mapping is one sentence and does not stop the rest', async () => {
    const { integrationService, rosterService, database } = await sharedServices();
    const school = await newSchool({
      'courses.csv': 'id,nombre\nC1,Mates\n',
      'teachers.csv': 'id,nombres\nP1,Paz\n',
      'groups.csv': 'id,nombre,curso_id\nG1,1A,C1\n',
      'students.csv': 'id,nombres,grupo\n1,Ana,G1\n2,Eva,G1\n',
    });
    for (const type of [MappingEntityType.COURSE, TEACHER, GROUP, STUDENT])
      await integrationService.syncData(school.integrationId, type);
    const { institutionId } = school;
    const stranger = randomUUID();
    await database.query(
      `INSERT INTO students (institution_id, id, given_name, family_name) VALUES ($1, $2, 'Ida', 'Ruiz')`,
      [institutionId, stranger],
    );
    const [group] = (await rosterService.listGroups({ institutionId })).items;
    const students = (await rosterService.listStudents({ institutionId })).items;
    const session = {
      id: randomUUID(),
      institutionId,
      groupId: group?.id as string,
      courseId: null,
      teacherId: null,
      startsAt: new Date('2026-03-02T11:00:00Z'),
      endsAt: new Date('2026-03-02T12:30:00Z'),
      topic: null,
    };
    await rosterService.putClassSession(session);
    expect(
      (await failure(integrationService.sendAttendance(school.integrationId, session.id))).code,
    ).to.equal('failed_precondition');
    const marks = students.map(({ id }) => {
      return {
        studentId: id,
        status: 'PRESENT' as const,
        arrivalTime: null,
        permanencePercentage: null,
        origin: null,
        source: null,
        remarks: null,
      };
    });
    expect(await rosterService.recordAttendance(institutionId, session.id, marks)).to.deep.equal({
      created: 3,
      updated: 0,
      unchanged: 0,
    });
    expect(await rosterService.recordAttendance(institutionId, session.id, marks)).to.deep.equal({
      created: 0,
      updated: 0,
      unchanged: 3,
    });
    const result = await integrationService.sendAttendance(school.integrationId, session.id);
    const reason = `student Ruiz, Ida (${stranger}) has no mapping in this integration; sync STUDENT first`;
    expect(result).to.deep.equal({
      success: false,
      sent: 2,
      confirmed: 2,
      unchanged: 0,
      withheld: [{ studentId: stranger, reason }],
      errors: [reason],
    });
    expect(await readdir(join(school.folder, 'export'))).to.deep.equal([
      `attendance-2026-03-02-${session.id}.csv`,
    ]);
    const other = await newSchool();
    expect((await failure(integrationService.sendAttendance(other.integrationId, session.id))).code).to.equal(
      'not_found',
    );
  });

  it('is stored whole or not at all', async () => {
    const { integrationService, rosterService } = await sharedServices();
    const school = await newSchool({
      'groups.csv': 'id,nombre\nG1,1A\n',
      'students.csv': 'id,nombres\n1,Ana\n',
    });
    for (const type of [GROUP, STUDENT]) await integrationService.syncData(school.integrationId, type);
    const { institutionId } = school;
    const [group] = (await rosterService.listGroups({ institutionId })).items;
    const [student] = (await rosterService.listStudents({ institutionId })).items;
    const session = {
      id: randomUUID(),
      institutionId,
      groupId: group?.id as string,
      courseId: null,
      teacherId: null,
      startsAt: new Date('2026-03-02T11:00:00Z'),
      endsAt: new Date('2026-03-02T12:30:00Z'),
      topic: null,
    };
    expect(
      (await failure(rosterService.putClassSession({ ...session, groupId: randomUUID() }))).code,
    ).to.equal('invalid_argument');
    await rosterService.putClassSession(session);
    const mark = {
      status: 'LATE' as const,
      arrivalTime: null,
      permanencePercentage: 80,
      origin: null,
      source: null,
      remarks: null,
    };
    const both = [
      { ...mark, studentId: student?.id as string },
      { ...mark, studentId: randomUUID() },
    ];
    const error = await failure(rosterService.recordAttendance(institutionId, session.id, both));
    expect(error.violations?.[0]?.field).to.equal('records[1].studentId');
    expect((await rosterService.getClassSession(institutionId, session.id)).records).to.deep.equal([]);
  });
});
