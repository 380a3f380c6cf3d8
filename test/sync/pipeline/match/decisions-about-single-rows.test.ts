import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { MappingEntityType } from '../../../../src/index.js';
import type { Services } from '../../../../src/services.js';
import { newPlace } from '../../../support/gated-school.js';
import { newTellingSchool, tellingServices } from '../../../support/telling-school.js';
import { until } from '../../../support/until.js';

const { STUDENT } = MappingEntityType;

describe('rows that are read one by one', () => {
  let services: Services;
  before(async () => {
    services = await tellingServices(await newPlace());
  });
  after(() => services.close());

  async function meeting() {
    const { integrationService, rosterService, mappingService } = services;
    const made = await newTellingSchool(services);
    const ana = randomUUID();
    await rosterService.putStudent(made.institutionId, ana, {
      givenName: 'Ana',
      familyName: 'Soto',
      nationalId: '12345678-5',
      email: 'ana@x.cl',
    });
    const put = (externalId: string, record: object) =>
      made.school.students.set(externalId, { externalId, givenName: 'Ana', familyName: 'Soto', ...record });
    const read = async (...externalIds: string[]) => {
      const { id } = await integrationService.startSync(made.id, STUDENT, { externalIds });
      await until(
        async () =>
          !['QUEUED', 'RUNNING'].includes((await integrationService.getSyncRun(made.id, id)).status),
      );
      return integrationService.getSyncRun(made.id, id);
    };
    const conflicts = async () => (await integrationService.listConflicts(made.id)).items;
    return {
      ...made,
      ana,
      put,
      read,
      conflicts,
      sync: () => integrationService.syncData(made.id, STUDENT),
      decide: async (externalId: string, resolution: 'LINK' | 'CREATE' | 'IGNORE', to?: string) => {
        const found = (await conflicts()).find((one) => one.externalId === externalId);
        await integrationService.resolveConflict(made.id, found?.id as string, resolution, to);
      },
      mapped: async (externalId: string) =>
        (await mappingService.getMappingByExternalId(made.id, STUDENT, externalId).catch(() => undefined))
          ?.internalId,
    };
  }

  it('link nobody whom a decision linked to a row that is not read', async () => {
    const s = await meeting();
    s.put('S1', { email: 'ana@x.cl', familyName: 'Sotomayor' });
    s.put('S9', { givenName: 'Luz', familyName: 'Paz' });
    await s.sync();
    await s.decide('S1', 'LINK', s.ana);
    s.put('S2', { nationalId: '12345678-5' });
    await s.read('S2');
    expect(await s.mapped('S2')).to.equal(undefined);
    await s.sync();
    expect(await s.mapped('S1')).to.equal(s.ana);
  });

  it('close the conflict of a row that the source says it has no longer', async () => {
    const s = await meeting();
    s.put('S1', { email: 'ana@x.cl', familyName: 'Sotomayor' });
    s.put('S9', { givenName: 'Luz', familyName: 'Paz' });
    await s.sync();
    expect(await s.conflicts()).to.have.length(1);
    s.school.students.delete('S1');
    await s.read('S1');
    expect(await s.conflicts()).to.deep.equal([]);
  });

  it('bring a former decision back', async () => {
    const s = await meeting();
    s.put('S1', { email: 'ana@x.cl', familyName: 'Sotomayor' });
    s.put('S9', { givenName: 'Luz', familyName: 'Paz' });
    await s.sync();
    await s.decide('S1', 'IGNORE');
    s.put('S1', { email: 'ana@x.cl', givenName: 'Eva', familyName: 'Rey', nationalId: '7654321-6' });
    await s.read('S1');
    expect(await s.conflicts()).to.have.length(1);
    s.put('S1', { email: 'ana@x.cl', familyName: 'Sotomayor' });
    const run = await s.read('S1');
    expect(run.counts).to.include({ created: 0, conflicts: 1 });
    expect(await s.conflicts()).to.deep.equal([]);
  });
});
