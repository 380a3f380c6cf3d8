import { expect } from 'chai';
import { MappingEntityType } from '../../../../src/index.js';
import { newCsvSource } from '../../../support/institution.js';
import { meet } from '../../../support/meet.js';
import { sharedServices } from '../../../support/services.js';

const ANA = 'S1,,Ana,Soto,ana@x.cl,,';
/** Another person, who may be Ana as well. */
const EVA = 'S1,7654321-6,Eva,Rey,ana@x.cl,,';
const LUZ = 'S2,20347878-K,Luz,Paz,,,';

describe('a decision about a row that says something else for a while', () => {
  /** Ana, of whom a backend knows, and a row that may be she, about which a person decided. */
  async function decided(resolution: 'LINK' | 'CREATE' | 'IGNORE') {
    const school = await meet(
      [{ familyName: 'Soto', nationalId: '12345678-5', email: 'ana@x.cl' }],
      [ANA, LUZ],
    );
    expect((await school.sync()).counts).to.include({ conflicts: 1 });
    const [ana] = school.ids as [string];
    await school.decide('S1', resolution, resolution === 'LINK' ? ana : undefined);
    const resolved = async () => {
      const { items } = await school.integrationService.listConflicts(school.integrationId, {
        resolved: true,
      });
      return items.map(({ externalId, resolution: is, internalId }) => [externalId, is, internalId]);
    };
    return { ...school, ana, resolved };
  }

  for (const [what, met] of [
    ['in a run', (school: Awaited<ReturnType<typeof decided>>) => school.sync()],
    ['in a preview', (school: Awaited<ReturnType<typeof decided>>) => school.preview()],
  ] as const) {
    it(`to ignore holds again as soon as the row says what it said, after it was asked about ${what}`, async () => {
      const school = await decided('IGNORE');
      await school.write([EVA, LUZ]);
      expect((await met(school)).counts).to.include({ created: 0, conflicts: 1 });
      expect(await school.conflicts()).to.have.length(1);
      await school.write([ANA, LUZ]);
      expect((await school.sync()).counts).to.include({ created: 0, updated: 0, conflicts: 1 });
      expect(await school.conflicts()).to.deep.equal([]);
      expect(await school.resolved()).to.deep.equal([['S1', 'IGNORE', null]]);
    });

    it(`to create holds again as soon as the row says what it said, after it was asked about ${what}`, async () => {
      const school = await decided('CREATE');
      await school.write([EVA, LUZ]);
      expect((await met(school)).counts).to.include({ created: 0, conflicts: 1 });
      await school.write([ANA, LUZ]);
      expect((await school.sync()).counts).to.include({ created: 1, updated: 0, conflicts: 0 });
      expect(await school.resolved()).to.deep.equal([['S1', 'CREATE', null]]);
    });

    it(`to link holds again as soon as the row says what it said, after it was asked about ${what}`, async () => {
      const school = await decided('LINK');
      await school.write([EVA, LUZ]);
      expect((await met(school)).counts).to.include({ created: 0, conflicts: 1 });
      await school.write([ANA, LUZ]);
      expect((await school.sync()).counts).to.include({ created: 0, updated: 1, conflicts: 0 });
      expect((await school.mapped()).get('S1')).to.equal(school.ana);
    });
  }

  it('stays when the source lacks the row, and when the plan that asked is discarded', async () => {
    const school = await decided('IGNORE');
    await school.write([EVA, LUZ]);
    const { runId } = await school.preview();
    await school.integrationService.discardSync(school.integrationId, runId);
    expect(await school.resolved()).to.deep.equal([['S1', 'IGNORE', null]]);
    await school.sync();
    expect(await school.conflicts()).to.have.length(1);
    await school.write([LUZ]);
    await school.sync();
    expect(await school.conflicts()).to.deep.equal([]);
    expect(await school.resolved()).to.deep.equal([['S1', 'IGNORE', null]]);
  });

  it('gives way to what a person decides anew', async () => {
    const school = await decided('IGNORE');
    await school.write([EVA, LUZ]);
    await school.sync();
    await school.decide('S1', 'LINK', school.ana);
    await school.write([ANA, LUZ]);
    await school.sync();
    // It is the newer decision that the row no longer agrees with.
    expect(await school.reasons()).to.have.property('S1');
    await school.decide('S1', 'CREATE');
    expect((await school.sync()).counts).to.include({ created: 1, conflicts: 0 });
  });

  it('to link to somebody who is gone is asked about until a person decides, night after night', async () => {
    const school = await decided('LINK');
    await school.database.execute('DELETE FROM students WHERE institution_id = $1 AND id = $2', [
      school.institutionId,
      school.ana,
    ]);
    for (const night of [1, 2, 3]) {
      expect((await school.sync()).counts, `night ${night}`).to.include({ created: 0, conflicts: 1 });
      expect(await school.reasons()).to.deep.equal({
        S1: 'was linked to somebody who is no longer in the roster',
      });
    }
    await school.decide('S1', 'CREATE');
    expect((await school.sync()).counts).to.include({ created: 1, conflicts: 0 });
  });
});

describe('an id that was merged, whose row waits for a while', () => {
  const HEADER = 'id,rut,nombres,apellidos,correo,código';
  const students = (...rows: string[]) => ({ 'students.csv': `${[HEADER, ...rows].join('\n')}\n` });
  const KEPT = 'A1,7654321-6,Ana,Soto,,';
  /** As the merge found it, and as the school has mended it. */
  const [LEFT, MENDED] = ['A2,20000000-5,Anita,Soto,,', 'A2,7654321-6,Anita,Soto,,'];

  async function merged() {
    const { integrationService, mappingService } = await sharedServices();
    const school = await newCsvSource(students(KEPT, LEFT));
    await school.sync();
    const keep = await school.idOf('A1');
    await mappingService.repairs.merge({
      ...school.of,
      keepInternalId: keep,
      dropInternalId: await school.idOf('A2'),
      keepExternalId: 'A1',
    });
    const listed = async (resolved: boolean) =>
      (await integrationService.listConflicts(school.integrationId, { resolved })).items.map(
        ({ externalId, internalId }) => [externalId, internalId],
      );
    const { STUDENT } = MappingEntityType;
    return {
      ...school,
      keep,
      listed,
      integrationService,
      preview: () => integrationService.previewSync(school.integrationId, STUDENT),
    };
  }

  it('is left out again once the source has the other id as well', async () => {
    const school = await merged();
    await school.write(students(MENDED));
    for (let night = 0; night < 3; night++) await school.sync();
    expect(await school.listed(false)).to.deep.equal([['A2', null]]);
    for (const rows of [
      [KEPT, MENDED],
      [KEPT, LEFT],
    ]) {
      await school.write(students(...rows));
      expect((await school.sync()).counts).to.include({ created: 0, conflicts: 1, missing: 0 });
      expect(await school.listed(false)).to.deep.equal([]);
      expect(await school.listed(true)).to.deep.equal([['A2', school.keep]]);
    }
  });

  it('is left out again after the source lacked it, and after a preview met it alone', async () => {
    const school = await merged();
    await school.write(students(MENDED));
    await school.sync();
    await school.preview();
    expect(await school.listed(false)).to.deep.equal([['A2', null]]);
    await school.write(students(KEPT));
    await school.sync();
    expect(await school.listed(false)).to.deep.equal([]);
    await school.write(students(KEPT, MENDED));
    expect((await school.sync()).counts).to.include({ created: 0, conflicts: 1, missing: 0 });
    expect(await school.listed(true)).to.deep.equal([['A2', school.keep]]);
  });

  it('is not left out when the row is somebody else by the time the other id is back', async () => {
    const school = await merged();
    await school.write(students(MENDED));
    for (let night = 0; night < 3; night++) await school.sync();
    expect(await school.listed(false)).to.deep.equal([['A2', null]]);
    await school.write(students(KEPT, 'A2,12345678-5,Pedro,Rojas,,'));
    expect((await school.sync()).counts).to.include({ created: 1, conflicts: 0, missing: 0 });
  });

  for (const nights of [1, 3]) {
    it(`is asked about, or linked, once the one that stayed was unlinked, after ${nights} of its nights alone`, async () => {
      const { mappingService } = await sharedServices();
      const school = await merged();
      await school.write(students(MENDED));
      for (let night = 0; night < nights; night++) await school.sync();
      await mappingService.repairs.unlink({ ...school.of, externalId: 'A1' });
      await school.sync();
      const isLinked = (await school.idOf('A2')) === school.keep;
      expect(isLinked || (await school.listed(false)).length === 1).to.equal(true);
    });
  }
});
