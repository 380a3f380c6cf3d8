import { expect } from 'chai';
import { MappingEntityType } from '../../../../src/index.js';
import { meet, PERSON_HEADER } from '../../../support/meet.js';

const { GROUP, STUDENT } = MappingEntityType;

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
});
