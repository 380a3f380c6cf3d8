import { expect } from 'chai';
import type { RecordSource } from '../../../../src/connectors/index.js';
import { MappingEntityType } from '../../../../src/index.js';
import { meet, PERSON_HEADER } from '../../../support/meet.js';
import { newSchool, sharedServices } from '../../../support/services.js';
import { syncServiceOf } from '../../../support/sync-service.js';

const { GROUP, STUDENT, TEACHER } = MappingEntityType;

describe('the memberships of a person whose id may be re-used', () => {
  it('stay as they are until a person decides: neither is the new group entered, nor the old one left', async () => {
    const school = await meet([], ['S1,12345678-5,Ana,Soto,,,', 'S2,,Luz,Paz,,,']);
    const { integrationService, integrationId, database, institutionId } = school;
    await school.writeFiles({
      'groups.csv': 'id,nombre\nG1,1A\nG2,2A\n',
      'memberships.csv': 'grupo_id,persona_id\nG1,S1\nG1,S2\n',
    });
    await integrationService.syncData(integrationId, GROUP);
    await school.sync();
    const memberships = () =>
      database.query<{ group: string; person: string }>(
        `SELECT g.name AS "group", s.given_name AS person FROM memberships m JOIN groups g ON g.id = m.group_id JOIN students s ON s.id = m.person_id
         WHERE m.institution_id = $1 ORDER BY 1, 2`,
        [institutionId],
      );
    await school.writeFiles({
      'students.csv': [PERSON_HEADER, 'S1,7654321-6,Pedro,Rojas,,,', 'S2,,Luz,Paz,,,'].join('\n'),
      'memberships.csv': 'grupo_id,persona_id\nG2,S1\nG2,S2\n',
    });
    const report = await integrationService.syncData(integrationId, STUDENT);
    expect(report).to.deep.include({ status: 'COMPLETED', errors: [] });
    expect(await memberships()).to.deep.equal([
      { group: '1A', person: 'Ana' },
      { group: '2A', person: 'Luz' },
    ]);
    await school.decide('S1', 'CREATE');
    await school.sync();
    expect(await memberships()).to.deep.include({ group: '2A', person: 'Pedro' });
  });

  it('stay also when that person is to ignore what the source says of the id, until it says something else', async () => {
    const school = await meet([], ['S1,12345678-5,Ana,Soto,,,', 'S2,,Luz,Paz,,,']);
    const { integrationService, integrationId } = school;
    const groups = (id: string) =>
      school.writeFiles({
        'groups.csv': 'id,nombre\nG1,1A\nG2,2A\n',
        'memberships.csv': `grupo_id,persona_id\n${id},S1\nG1,S2\n`,
      });
    await groups('G1');
    await integrationService.syncData(integrationId, GROUP);
    await school.sync();
    await school.write(['S1,7654321-6,Pedro,Rojas,,,', 'S2,,Luz,Paz,,,']);
    await groups('G2');
    expect((await school.sync()).counts).to.deep.include({ conflicts: 1 });
    await school.decide('S1', 'IGNORE');
    for (let night = 0; night < 2; night++) {
      const { membershipCounts } = await school.sync();
      expect(membershipCounts).to.deep.include({ created: 0, deactivated: 0, conflicts: 1 });
      expect(await membershipsOf(school)).to.deep.equal(['1A Ana', '1A Luz']);
    }
    await school.write(['S1,12345678-5,Ana,Soto,,,', 'S2,,Luz,Paz,,,']);
    await school.sync();
    expect(await membershipsOf(school)).to.deep.equal(['1A Luz', '2A Ana']);
  });

  /** The people of each group of a school. */
  async function membershipsOf({ institutionId }: { institutionId: string }) {
    const { database } = await sharedServices();
    const rows = await database.query<{ member: string }>(
      `SELECT g.name || ' ' || COALESCE(s.given_name, t.given_name) AS member FROM memberships m
       JOIN groups g ON g.id = m.group_id
       LEFT JOIN students s ON s.id = m.person_id LEFT JOIN teachers t ON t.id = m.person_id
       WHERE m.institution_id = $1 ORDER BY 1`,
      [institutionId],
    );
    return rows.map(({ member }) => member);
  }

  it('of a teacher stay too, which come with the groups: the new one enters once a person said who it is', async () => {
    const { integrationService } = await sharedServices();
    const school = await newSchool({
      'teachers.csv': 'id,rut,nombres,apellidos\nT1,12345678-5,Ana,Soto\nT2,,Luz,Paz\n',
      'groups.csv': 'id,nombre,profesor_id\nG1,1A,T1\nG2,2A,T2\n',
    });
    const sync = (type: MappingEntityType) => integrationService.syncData(school.integrationId, type);
    for (const type of [TEACHER, GROUP]) expect((await sync(type)).errors).to.deep.equal([]);
    await school.write({
      'teachers.csv': 'id,rut,nombres,apellidos\nT1,7654321-6,Pedro,Rojas\nT2,,Luz,Paz\n',
      'groups.csv': 'id,nombre,profesor_id\nG1,1A,T2\nG2,2A,T1\n',
    });
    expect((await sync(TEACHER)).counts).to.deep.include({ conflicts: 1, updated: 0 });
    const report = await sync(GROUP);
    expect(report).to.deep.include({ status: 'COMPLETED', errors: [], gaps: [] });
    expect(report.membershipCounts).to.deep.include({ created: 1, deactivated: 1, conflicts: 1 });
    expect(await membershipsOf(school)).to.deep.equal(['1A Ana', '1A Luz']);
    const [conflict] = (await integrationService.listConflicts(school.integrationId)).items;
    await integrationService.resolveConflict(school.integrationId, conflict?.id as string, 'CREATE');
    for (const type of [TEACHER, GROUP]) expect((await sync(type)).errors).to.deep.equal([]);
    expect(await membershipsOf(school)).to.deep.equal(['1A Ana', '1A Luz', '2A Pedro']);
  });

  it('of a student stay in a later reading of some others, which has the membership and not the row', async () => {
    const school = await meet([], ['S1,12345678-5,Ana,Soto,,,', 'S2,,Luz,Paz,,,']);
    const { integrationService, integrationId, institutionId, database } = school;
    await school.writeFiles({
      'groups.csv': 'id,nombre\nG1,1A\nG2,2A\n',
      'memberships.csv': 'grupo_id,persona_id\nG1,S1\nG1,S2\n',
    });
    await integrationService.syncData(integrationId, GROUP);
    await school.sync();
    await school.write(['S1,7654321-6,Pedro,Rojas,,,', 'S2,,Luz,Paz,,,']);
    expect((await school.sync()).counts).to.deep.include({ conflicts: 1 });
    const source: RecordSource = {
      partial: true,
      entities: (async function* () {
        yield [{ externalId: 'S2', givenName: 'Luz', familyName: 'Paz' }];
      })(),
      memberships: (async function* () {
        yield [{ groupExternalId: 'G2', personExternalId: 'S1', role: 'STUDENT' as const }];
      })(),
    };
    const report = await syncServiceOf(database, () => source).sync({
      integrationId,
      institutionId,
      entityType: STUDENT,
    });
    expect(report.membershipCounts).to.deep.include({ read: 1, created: 0, conflicts: 1 });
    expect(await membershipsOf(school)).to.deep.equal(['1A Ana', '1A Luz']);
  });
});
