import { expect } from 'chai';
import { MappingEntityType } from '../../src/index.js';
import { newCsvSource } from '../support/institution.js';
import { sharedServices } from '../support/services.js';

const { GROUP } = MappingEntityType;
const HEADER = 'grupo_id,persona_id,rol';

async function newGroups() {
  const { integrationService, rosterService } = await sharedServices();
  const source = await newCsvSource({
    'courses.csv': 'id,nombre\nC1,Matemática\n',
    'teachers.csv': 'id,nombres\nT1,Leo\n',
    'groups.csv': 'id,nombre\nG1,1A\nG2,1B\n',
    'students.csv': 'id,nombres\nS1,Ana\nS2,Eva\n',
    'memberships.csv': `${HEADER}\nG1,S1,alumno\nG2,S1,alumno\nG2,S2,alumno\nG2,T1,profesor\n`,
  });
  await integrationService.syncData(source.integrationId);
  const { institutionId } = source;
  const [g1, g2] = [await source.idOf('G1', GROUP), await source.idOf('G2', GROUP)];
  const groups = async (pageSize = 100) => {
    const found: string[] = [];
    for (let pageToken: string | undefined = ''; pageToken !== undefined; ) {
      const page = await rosterService.listMemberships({ institutionId, pageSize, pageToken });
      found.push(...page.items.map(({ groupId }) => (groupId === g1 ? 'G1' : 'G2')));
      pageToken = page.nextPageToken;
    }
    return found.sort();
  };
  return { source, institutionId, g1, g2, groups, rosterService };
}

describe('the memberships of an institution', () => {
  it('do not list those of a group that is inactive, and list them again once it is active', async () => {
    const { institutionId, g2, groups, rosterService } = await newGroups();
    expect(await groups()).to.deep.equal(['G1', 'G2', 'G2', 'G2']);
    await rosterService.putGroup(institutionId, g2, { active: false });
    for (const pageSize of [1, 100]) expect(await groups(pageSize)).to.deep.equal(['G1']);
    expect((await rosterService.listMemberships({ institutionId, groupId: g2 })).items).to.deep.equal([]);
    expect((await rosterService.listStudents({ institutionId, groupId: g2 })).items).to.deep.equal([]);
    expect((await rosterService.listTeachers({ institutionId, groupId: g2 })).items).to.deep.equal([]);
    await rosterService.putGroup(institutionId, g2, { active: true });
    expect(await groups()).to.deep.equal(['G1', 'G2', 'G2', 'G2']);
  });

  it('do not list those of people who are inactive', async () => {
    const { source, institutionId, g2, groups, rosterService } = await newGroups();
    await rosterService.putStudent(institutionId, await source.idOf('S1'), { active: false });
    await rosterService.putTeacher(institutionId, await source.idOf('T1', MappingEntityType.TEACHER), {
      active: false,
    });
    for (const pageSize of [1, 100]) expect(await groups(pageSize)).to.deep.equal(['G2']);
    const { items } = await rosterService.listStudents({ institutionId, groupId: g2 });
    expect(items.map(({ givenName }) => givenName)).to.deep.equal(['Eva']);
    expect((await rosterService.listTeachers({ institutionId, groupId: g2 })).items).to.deep.equal([]);
    // They are still in the roster.
    expect((await rosterService.listStudents({ institutionId })).items).to.have.lengthOf(2);
  });

  it('end in the lists when the source no longer has their group', async () => {
    const { source, groups } = await newGroups();
    await source.write({
      'groups.csv': 'id,nombre\nG1,1A\n',
      'memberships.csv': `${HEADER}\nG1,S1,alumno\n`,
    });
    const { integrationService } = await sharedServices();
    for (let run = 0; run < 2; run++) {
      await integrationService.syncData(source.integrationId, GROUP, {
        guard: { deactivatedPercent: 100, reason: 'test' },
      });
    }
    expect(await groups()).to.deep.equal(['G1']);
  });
});
