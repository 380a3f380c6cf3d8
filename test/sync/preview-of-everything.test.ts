import { expect } from 'chai';
import { newSchool, sharedServices } from '../support/services.js';

const FILES = {
  'courses.csv': 'id,nombre\nC1,Matemática\nC2,Lenguaje\n',
  'teachers.csv': 'id,nombres\nT1,Eva\n',
  'groups.csv': 'id,nombre,curso_id,profesor_id\nG1,1A,C1,T1\nG2,1B,C2,\n',
  'students.csv': 'id,nombres\n1,Ana\n2,José\n3,Luz\n',
  'memberships.csv': 'grupo_id,persona_id,rol\nG1,1,alumno\nG1,2,alumno\nG2,3,alumno\n',
};

/** The roster by the ids of the school: people, groups with their courses, memberships. */
async function rosterOf(institutionId: string, integrationId: string) {
  const { database } = await sharedServices();
  const id = (of: string) =>
    `(SELECT external_id FROM integration_mappings m WHERE m.integration_id = $2 AND m.internal_id = ${of})`;
  const rows = await database.query<{ line: string }>(
    `SELECT concat_ws(' ', 'student', ${id('t.id')}, t.given_name, t.active) AS line FROM students t WHERE t.institution_id = $1
     UNION ALL SELECT concat_ws(' ', 'teacher', ${id('t.id')}, t.active) FROM teachers t WHERE t.institution_id = $1
     UNION ALL SELECT concat_ws(' ', 'course', ${id('t.id')}, t.name, t.active) FROM courses t WHERE t.institution_id = $1
     UNION ALL SELECT concat_ws(' ', 'group', ${id('t.id')}, t.name, ${id('t.course_id')}) FROM groups t WHERE t.institution_id = $1
     UNION ALL SELECT concat_ws(' ', 'member', ${id('t.group_id')}, ${id('t.person_id')}, t.role) FROM memberships t
       WHERE t.institution_id = $1`,
    [institutionId, integrationId],
  );
  return rows.map(({ line }) => line).sort();
}

describe('a preview of everything', () => {
  it('and its approval do what a sync does: groups have their courses, people their groups', async () => {
    const { integrationService } = await sharedServices();
    const [synced, previewed] = [await newSchool(FILES), await newSchool(FILES)];
    await integrationService.syncData(synced.integrationId);
    const preview = await integrationService.previewSync(previewed.integrationId);
    expect(preview).to.deep.include({ status: 'PREVIEWED', errorCount: 0, warningCount: 0 });
    expect(preview.membershipCounts).to.deep.include({ created: 4, failed: 0 });
    expect(await rosterOf(previewed.institutionId, previewed.integrationId)).to.deep.equal([]);
    const approved = await integrationService.approveSync(previewed.integrationId, preview.runId);
    expect(approved).to.deep.include({ success: true, status: 'COMPLETED' });
    expect(approved.membershipCounts).to.deep.include({ created: 4, moved: 0 });
    const roster = await rosterOf(previewed.institutionId, previewed.integrationId);
    expect(roster).to.deep.equal(await rosterOf(synced.institutionId, synced.integrationId));
    expect(roster).to.include.members(['group G1 1A C1', 'member G1 1 STUDENT', 'member G1 T1 TEACHER']);
    expect((await integrationService.syncData(previewed.integrationId)).counts).to.deep.include({
      created: 0,
      updated: 0,
    });
  });

  it('and its approval keep the last state of a group that is gone, as a sync does', async () => {
    const { integrationService } = await sharedServices();
    const gone = {
      'groups.csv': 'id,nombre,curso_id,profesor_id\nG1,1A,C1,T1\n',
      'memberships.csv': 'grupo_id,persona_id,rol\nG1,1,alumno\nG1,2,alumno\n',
    };
    const [synced, previewed] = [await newSchool(FILES), await newSchool(FILES)];
    for (const { integrationId, write } of [synced, previewed]) {
      await integrationService.syncData(integrationId);
      await write(gone);
    }
    await integrationService.syncData(synced.integrationId);
    const { runId } = await integrationService.previewSync(previewed.integrationId);
    expect(await integrationService.approveSync(previewed.integrationId, runId)).to.deep.include({
      success: true,
    });
    const roster = await rosterOf(previewed.institutionId, previewed.integrationId);
    expect(roster).to.deep.equal(await rosterOf(synced.institutionId, synced.integrationId));
    expect(roster).to.include('member G2 3 STUDENT');
  });

  it('whose courses were discarded brings no group of them, and says why', async () => {
    const { integrationService } = await sharedServices();
    const school = await newSchool(FILES);
    const { parts, runId } = await integrationService.previewSync(school.integrationId);
    const courses = parts.find(({ run }) => run.entityType === 'COURSE');
    await integrationService.discardSync(school.integrationId, courses?.runId as string);
    const approved = await integrationService.approveSync(school.integrationId, runId);
    expect(approved.success).to.equal(true);
    const groups = approved.parts.find(({ run }) => run.entityType === 'GROUP');
    expect(groups?.counts).to.deep.include({ moved: 2 });
    const { items } = await integrationService.listSyncChanges(
      school.integrationId,
      groups?.runId as string,
      {
        outcome: 'MOVED',
      },
    );
    expect(new Set(items.map(({ reason }) => reason))).to.deep.equal(
      new Set(['Its course is not in the roster.', 'The group is not in the roster.']),
    );
    expect(await rosterOf(school.institutionId, school.integrationId)).to.deep.equal([
      'student 1 Ana t',
      'student 2 José t',
      'student 3 Luz t',
      'teacher T1 t',
    ]);
    await integrationService.syncData(school.integrationId);
    expect(await rosterOf(school.institutionId, school.integrationId)).to.include.members([
      'group G1 1A C1',
      'member G1 1 STUDENT',
    ]);
  });
});
