import { expect } from 'chai';
import { MappingEntityType } from '../../src/index.js';
import { cleanExternalId } from '../../src/values/index.js';
import { newCsvSource } from '../support/institution.js';
import { sharedServices } from '../support/services.js';

const { STUDENT } = MappingEntityType;
const rows = (...lines: string[]) => ({ 'students.csv': `${['id,nombres,correo', ...lines].join('\n')}\n` });
const NFD = 'Nin\u0303o-1';

const errorOf = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: { code: string; violations?: { field: string }[] }) => ({
      code: error.code,
      fields: error.violations?.map(({ field }) => field),
    }),
  );

describe('an id of a school system', () => {
  for (const [raw, expected] of [
    ['N1', 'N1'],
    [' N1\u00a0', 'N1'],
    [NFD, 'Ni\u00f1o-1'],
    ['007', '007'],
    ['a b', 'a b'],
    ['', 'id.missing'],
    ['  ', 'id.missing'],
    ['x'.repeat(256), 'id.too_long'],
    ['a\0b', 'id.nul'],
  ] as const) {
    it(`${JSON.stringify(raw.slice(0, 20))} is ${JSON.stringify(expected)}`, () => {
      const id = cleanExternalId(raw);
      expect(typeof id === 'string' ? id : id.rule).to.equal(expected);
    });
  }

  it('is the same with spaces and in another Unicode form, whoever gives it: no second person comes of it', async () => {
    const { mappingService } = await sharedServices();
    const source = await newCsvSource(rows('A,Ana,', 'B,Eva,'));
    await source.sync();
    const before = await source.idOf('A');
    await mappingService.repairs.rekey({ ...source.of, externalId: ' A', newExternalId: `${NFD} ` });
    await source.write(rows(`${NFD},Ana,`, 'B ,Eva,'));
    expect((await source.sync()).counts).to.deep.include({
      created: 0,
      updated: 0,
      unchanged: 2,
      missing: 0,
      failed: 0,
    });
    expect([await source.idOf(NFD), await source.idOf(' Ni\u00f1o-1 ')]).to.deep.equal([before, before]);
    const { items } = await mappingService.repairs.history({ ...source.of, externalId: `${NFD} ` });
    expect(items[0]).to.deep.include({ action: 'REKEY', externalId: 'Ni\u00f1o-1', formerExternalId: 'A' });
    await mappingService.repairs.unlink({ ...source.of, externalId: ' B ' });
    expect(await source.idOf('B')).to.equal(undefined);
  });

  it('that can be none is refused by name when somebody is rekeyed to it, and found nowhere', async () => {
    const { mappingService } = await sharedServices();
    const source = await newCsvSource(rows('A,Ana,'));
    await source.sync();
    for (const newExternalId of [' ', 'x'.repeat(256), 'a\0b']) {
      const refusal = await errorOf(
        mappingService.repairs.rekey({ ...source.of, externalId: 'A', newExternalId }),
      );
      expect(refusal).to.deep.equal({ code: 'invalid_argument', fields: ['newExternalId'] });
      const lookUp = mappingService.getMappingByExternalId(source.integrationId, STUDENT, newExternalId);
      expect(await errorOf(lookUp)).to.deep.include({ code: 'not_found' });
      expect(
        (await mappingService.repairs.history({ ...source.of, externalId: newExternalId })).items,
      ).to.deep.equal([]);
    }
    expect((await source.sync()).counts).to.deep.include({ unchanged: 1 });
  });

  it('that was left out is left out no longer once somebody is rekeyed to it: nobody becomes missing', async () => {
    const { integrationService, mappingService, rosterService } = await sharedServices();
    const source = await newCsvSource(rows('A,Ana,ana@x.cl', 'B,Eva,'));
    await source.sync();
    const before = await source.idOf('A');
    // The same address: a conflict, and a person says to leave it out.
    await source.write(rows('A,Ana,ana@x.cl', 'B,Eva,'));
    const put = { givenName: 'Paz', email: 'paz@x.cl' };
    await rosterService.putStudent(source.institutionId, '00000000-0000-4000-8000-00000000ad01', put);
    await source.write(rows('A,Ana,ana@x.cl', 'B,Eva,', 'N1,Pía,paz@x.cl'));
    await source.sync();
    const [conflict] = (await integrationService.listConflicts(source.integrationId)).items;
    await integrationService.resolveConflict(source.integrationId, conflict?.id as string, 'IGNORE');
    await mappingService.repairs.rekey({ ...source.of, externalId: 'A', newExternalId: 'N1' });
    await source.write(rows('N1,Ana,ana@x.cl', 'B,Eva,'));
    for (let run = 0; run < 3; run++) {
      expect((await source.sync()).counts).to.deep.include({
        created: 0,
        conflicts: 0,
        missing: 0,
        deactivated: 0,
      });
    }
    expect(await source.idOf('N1')).to.equal(before);
    expect((await rosterService.getStudent(source.institutionId, before)).active).to.equal(true);
  });

  it('that was linked by a decision is looked at anew once its mapping is taken away', async () => {
    const { integrationService, mappingService, rosterService } = await sharedServices();
    const source = await newCsvSource(rows('A,Ana,'));
    await source.sync();
    const other = '00000000-0000-4000-8000-00000000ad02';
    await rosterService.putStudent(source.institutionId, other, { givenName: 'Paz', email: 'paz@x.cl' });
    await source.write(rows('A,Ana,', 'P1,Pía,paz@x.cl'));
    await source.sync();
    const [conflict] = (await integrationService.listConflicts(source.integrationId)).items;
    await integrationService.resolveConflict(source.integrationId, conflict?.id as string, 'LINK', other);
    await source.sync();
    expect(await source.idOf('P1')).to.equal(other);
    await mappingService.repairs.unlink({ ...source.of, externalId: 'P1' });
    await source.write(rows('A,Ana,', 'P1,Pía,pia@x.cl'));
    expect((await source.sync()).counts).to.deep.include({ created: 1 });
  });
});
