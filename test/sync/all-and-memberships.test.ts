import { expect } from 'chai';
import { MappingEntityType } from '../../src/index.js';
import { newSchool, sharedServices } from '../support/services.js';

const { GROUP, STUDENT, TEACHER } = MappingEntityType;
const FILES = {
  'courses.csv': 'id,nombre\nC1,Matemática\n',
  'teachers.csv': 'id,nombres\nT1,Eva\n',
  'groups.csv': 'id,nombre,curso_id\nG1,1A,C1\nG2,1B,C1\n',
  'students.csv': 'id,nombres\n1,Ana\n2,José\n3,Luz\n',
  'memberships.csv': 'grupo_id,persona_id,rol\nG1,1,alumno\nG1,2,alumno\nG2,3,alumno\nG1,T1,profesor\n',
};

async function membersOf(institutionId: string, integrationId: string) {
  const { database } = await sharedServices();
  const rows = await database.query<{ member: string }>(
    `SELECT g.external_id || ' ' || p.external_id AS member FROM memberships t
     JOIN integration_mappings g ON g.integration_id = $2 AND g.internal_id = t.group_id
     JOIN integration_mappings p ON p.integration_id = $2 AND p.internal_id = t.person_id AND p.entity_type = t.role
     WHERE t.institution_id = $1 ORDER BY 1`,
    [institutionId, integrationId],
  );
  return rows.map(({ member }) => member);
}

describe('a sync of everything', () => {
  it('brings courses, teachers, groups, students and memberships in one run with one report', async () => {
    const { integrationService } = await sharedServices();
    const { integrationId, institutionId } = await newSchool(FILES);
    const report = await integrationService.syncData(integrationId);
    expect(report).to.deep.include({
      success: true,
      status: 'COMPLETED',
      synced: 7,
      errorCount: 0,
      warningCount: 0,
    });
    expect(report.counts).to.deep.include({ read: 7, created: 7 });
    expect(report.membershipCounts).to.deep.include({ created: 4 });
    expect(report.parts.map(({ run, counts }) => [run.entityType, counts.created])).to.deep.equal([
      ['COURSE', 1],
      ['TEACHER', 1],
      ['GROUP', 2],
      ['STUDENT', 3],
    ]);
    expect(report.mappings).to.have.length(7);
    expect(await membersOf(institutionId, integrationId)).to.deep.equal(['G1 1', 'G1 2', 'G1 T1', 'G2 3']);
    const run = await integrationService.getSyncRun(integrationId, report.runId);
    expect(run).to.deep.include({ entityType: 'ALL', status: 'COMPLETED' });
    expect(run.counts).to.deep.equal(report.counts);
    for (const { runId } of report.parts) {
      expect((await integrationService.getSyncRun(integrationId, runId)).parentId).to.equal(report.runId);
    }
    const again = await integrationService.syncData(integrationId);
    expect(again.counts).to.deep.include({ created: 0, updated: 0, unchanged: 7 });
  });

  it('can be previewed, approved and taken back as a whole', async () => {
    const { integrationService, database } = await sharedServices();
    const { integrationId, institutionId } = await newSchool(FILES);
    const preview = await integrationService.previewSync(integrationId);
    expect(preview).to.deep.include({ success: true, status: 'PREVIEWED' });
    expect(await membersOf(institutionId, integrationId)).to.deep.equal([]);
    const approved = await integrationService.approveSync(integrationId, preview.runId);
    expect(approved).to.deep.include({ success: true, status: 'COMPLETED' });
    expect(approved.counts).to.deep.include({ created: 7, moved: 0 });
    const { runId } = await integrationService.syncData(integrationId);
    expect(await membersOf(institutionId, integrationId)).to.deep.equal(['G1 1', 'G1 2', 'G1 T1', 'G2 3']);
    await integrationService.rollbackSync(integrationId, runId);
    await integrationService.rollbackSync(integrationId, preview.runId);
    for (const table of ['students', 'teachers', 'groups', 'courses', 'memberships']) {
      expect(
        await database.query(`SELECT * FROM ${table} WHERE institution_id = $1`, [institutionId]),
        table,
      ).to.deep.equal([]);
    }
    expect((await integrationService.getSyncLogs(integrationId)).mappingsCount).to.equal(0);
  });

  it('goes on with the others when one part is held, and says so', async () => {
    const { integrationService } = await sharedServices();
    const students = Array.from({ length: 30 }, (_, i) => `${i},Ana`).join('\n');
    const school = await newSchool({
      ...FILES,
      'students.csv': `id,nombres\n${students}\n`,
      'memberships.csv': 'grupo_id,persona_id\n',
    });
    await integrationService.syncData(school.integrationId);
    await school.write({ 'students.csv': 'id,nombres\n1,Ana\n', 'courses.csv': 'id,nombre\nC1,Lenguaje\n' });
    const report = await integrationService.syncData(school.integrationId);
    expect(report).to.deep.include({ success: false, status: 'HELD' });
    expect(report.parts.map(({ status }) => status)).to.deep.equal([
      'COMPLETED',
      'COMPLETED',
      'COMPLETED',
      'HELD',
    ]);
    expect(report.errors[0]).to.match(/^Held: 29 of 30/);
    const approved = await integrationService.approveSync(school.integrationId, report.runId, 'right');
    expect(approved).to.deep.include({ success: true, status: 'COMPLETED' });
  });

  it('that failed is no plan to discard, and its held parts go on waiting', async () => {
    const { integrationService } = await sharedServices();
    const courses = Array.from({ length: 30 }, (_, i) => `C${i},Curso`).join('\n');
    const school = await newSchool({ ...FILES, 'courses.csv': `id,nombre\n${courses}\n` });
    await integrationService.syncData(school.integrationId);
    await school.write({ 'courses.csv': 'id,nombre\nC1,Curso\n', 'students.csv': '' });
    const { status, runId, parts } = await integrationService.syncData(school.integrationId);
    expect(status).to.equal('FAILED');
    const held = parts.find((part) => part.status === 'HELD')?.runId as string;
    const error = await integrationService
      .discardSync(school.integrationId, runId)
      .catch((thrown: unknown) => thrown);
    expect(error).to.deep.include({ code: 'failed_precondition', reason: 'SYNC_RUN_NOT_WAITING' });
    expect((await integrationService.getSyncRun(school.integrationId, held)).status).to.equal('HELD');
    expect((await integrationService.discardSync(school.integrationId, held)).status).to.equal('DISCARDED');
  });
});

describe('memberships', () => {
  it('end when the source has them no longer, and begin where it has new ones', async () => {
    const { integrationService } = await sharedServices();
    const school = await newSchool(FILES);
    const { integrationId, institutionId } = school;
    await integrationService.syncData(integrationId);
    await school.write({
      'memberships.csv': 'grupo_id,persona_id,rol\nG2,1,alumno\nG1,2,alumno\nG2,3,alumno\nG2,T1,profesor\n',
    });
    const students = await integrationService.syncData(integrationId, STUDENT);
    expect(students.membershipCounts).to.deep.include({ created: 1, unchanged: 2, deactivated: 1 });
    const groups = await integrationService.syncData(integrationId, GROUP);
    expect(groups.membershipCounts).to.deep.include({ created: 1, deactivated: 1 });
    expect(await membersOf(institutionId, integrationId)).to.deep.equal(['G1 2', 'G2 1', 'G2 3', 'G2 T1']);
  });

  it('stay when the file is gone or empty, when a row of it cannot be understood, and of people who are gone', async () => {
    const { integrationService } = await sharedServices();
    const school = await newSchool(FILES);
    const { integrationId, institutionId } = school;
    await integrationService.syncData(integrationId);
    const all = await membersOf(institutionId, integrationId);
    for (const text of ['grupo_id,persona_id,rol\n', 'grupo_id,persona_id,rol\nG1,1,alumno\nG9,2,alumno\n']) {
      await school.write({ 'memberships.csv': text });
      await integrationService.syncData(integrationId, STUDENT);
      expect(await membersOf(institutionId, integrationId)).to.deep.equal(all);
    }
    await school.write({
      'students.csv': 'id,nombres\n1,Ana\n2,José\n',
      'memberships.csv': 'grupo_id,persona_id,rol\nG1,1,alumno\nG1,2,alumno\n',
    });
    await integrationService.syncData(integrationId, STUDENT);
    expect(await membersOf(institutionId, integrationId)).to.deep.equal(all);
  });

  it('are not touched when most people would be left without a group', async () => {
    const { integrationService } = await sharedServices();
    const ids = Array.from({ length: 40 }, (_, i) => i + 1);
    const rows = ids.map((id) => `G1,${id}`);
    const students = `id,nombres\n${ids.map((id) => `${id},Ana`).join('\n')}\n`;
    const school = await newSchool({
      'groups.csv': 'id,nombre\nG1,1A\n',
      'students.csv': students,
      'memberships.csv': `grupo_id,persona_id\n${rows.join('\n')}\n`,
    });
    for (const type of [GROUP, STUDENT]) await integrationService.syncData(school.integrationId, type);
    await school.write({ 'memberships.csv': `grupo_id,persona_id\n${rows.slice(20).join('\n')}\n` });
    const report = await integrationService.syncData(school.integrationId, STUDENT);
    expect(report).to.deep.include({ success: false, status: 'HELD' });
    expect(report.errors[0]).to.match(/^Held: 20 of 40 \(50 %\) people would be left without a group/);
    expect(await membersOf(school.institutionId, school.integrationId)).to.have.length(40);
  });

  it('of teachers come with their groups', async () => {
    const { integrationService } = await sharedServices();
    const { integrationId } = await newSchool(FILES);
    await integrationService.syncData(integrationId, TEACHER);
    expect((await integrationService.syncData(integrationId, GROUP)).membershipCounts).to.deep.include({
      created: 1,
    });
  });
});

describe('groups that are read before their courses', () => {
  it('are of their courses after the next sync of everything, which is not held for that', async () => {
    const { integrationService, rosterService } = await sharedServices();
    const groups = Array.from({ length: 8 }, (_, nth) => `G${nth},Grupo ${nth},C1`).join('\n');
    const { institutionId, integrationId } = await newSchool({
      'courses.csv': 'id,nombre\nC1,Historia\n',
      'groups.csv': `id,nombre,curso_id\n${groups}\n`,
    });
    await integrationService.syncData(integrationId, MappingEntityType.GROUP);
    const all = await integrationService.syncData(integrationId, 'ALL');
    expect(all.status).to.equal('COMPLETED');
    const { items } = await rosterService.listGroups({ institutionId });
    expect(items.map(({ courseId }) => courseId === null)).to.deep.equal(Array(8).fill(false));
  });
});
