import { expect } from 'chai';
import { MappingEntityType } from '../../../src/index.js';
import { newSchool, sharedServices } from '../../support/services.js';

const { STUDENT } = MappingEntityType;
const HEADER = 'id,nombres,apellidos,estado';
const [LEFT, HERE] = ['7,Ana,Soto,Retirada', '7,Ana,Soto,Matriculada'];
const OTHERS = ['8,Luz,Vera,Matriculada', '9,José,Díaz,Matriculado'];

async function school(...rows: string[]) {
  const { integrationService, database } = await sharedServices();
  const made = await newSchool({ 'students.csv': [HEADER, ...rows].join('\n') });
  const sync = async (...others: string[]) => {
    if (others.length > 0) await made.write({ 'students.csv': [HEADER, ...others].join('\n') });
    const report = await integrationService.syncData(made.integrationId, STUDENT);
    const { items } = await integrationService.listSyncIssues(made.integrationId, report.runId);
    const people = await database.query<{ id: string; active: boolean }>(
      `SELECT m.external_id AS id, s.active FROM integration_mappings m
       JOIN students s ON s.id = m.internal_id WHERE m.integration_id = $1 AND s.institution_id = $2`,
      [made.integrationId, made.institutionId],
    );
    return {
      report,
      issues: items.filter(({ rule }) => rule === 'id.duplicate'),
      isActive: (id: string) => people.find((person) => person.id === id)?.active,
    };
  };
  return { ...made, sync };
}

describe('somebody whom a list has twice, once as one who has left', () => {
  it('is active from the first sync on, whichever row comes first', async () => {
    for (const rows of [
      [LEFT, HERE, ...OTHERS],
      [HERE, LEFT, ...OTHERS],
    ]) {
      const { sync } = await school(...rows);
      const { isActive, issues } = await sync();
      expect(isActive('7')).to.equal(true);
      expect(issues).to.have.length(1);
      expect((await sync()).isActive('7'), 'the next night').to.equal(true);
    }
  });

  it('stays active when a row of an earlier time at the school comes above the one that is known', async () => {
    const { sync } = await school(HERE, ...OTHERS);
    await sync();
    const { isActive, issues, report } = await sync(LEFT, HERE, ...OTHERS);
    expect(isActive('7')).to.equal(true);
    expect(issues[0]).to.deep.include({ line: 2, externalId: '7' });
    expect(issues[0]?.message).to.contain(
      'student id "7" is on line 3 too, where it is active; that one counts',
    );
    expect(report.gaps).to.include('An id came twice: nobody knows whose row is missing.');
  });

  it('stays active when both rows changed', async () => {
    const { sync } = await school(HERE, ...OTHERS);
    await sync();
    const { isActive } = await sync(LEFT.replace('Soto', 'Sotos'), HERE.replace('Soto', 'Sotos'), ...OTHERS);
    expect(isActive('7')).to.equal(true);
  });

  it('is active again when a row of a new time at the school comes below the one that is known', async () => {
    const { sync } = await school(LEFT, ...OTHERS);
    await sync();
    const { isActive } = await sync(LEFT, HERE, ...OTHERS);
    expect(isActive('7')).to.equal(true);
    expect((await sync()).isActive('7'), 'the next night').to.equal(true);
  });

  it('becomes inactive when both rows say so', async () => {
    const { sync } = await school(HERE, ...OTHERS);
    await sync();
    const { isActive } = await sync(LEFT, LEFT.replace('Soto', 'Sotos'), ...OTHERS);
    expect(isActive('7')).to.equal(false);
  });
});
