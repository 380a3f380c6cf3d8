import { expect } from 'chai';
import { MappingEntityType } from '../../../../src/index.js';
import { meet } from '../../../support/meet.js';
import { sharedServices } from '../../../support/services.js';

const ANA = 'S1,,Ana,Soto,ana@x.cl,,';
const PEDRO = 'S1,7654321-6,Pedro,Rojas,pedro@x.cl,,';

/** Ana, of whom a backend knows, and a row that may be she, about which a person decided. */
async function decided(resolution: 'LINK' | 'CREATE' | 'IGNORE') {
  const school = await meet([{ familyName: 'Soto', nationalId: '12345678-5', email: 'ana@x.cl' }], [ANA]);
  expect((await school.sync()).counts).to.include({ conflicts: 1 });
  const [ana] = school.ids as [string];
  await school.decide('S1', resolution, resolution === 'LINK' ? ana : undefined);
  return { ...school, ana };
}

describe('a decision about a row whose id is by now that of somebody else', () => {
  it('links nobody: the row is a conflict that names whom it was linked to, until a person decides', async () => {
    const school = await decided('LINK');
    const before = await school.student(school.ana);
    await school.write([PEDRO]);
    for (const time of ['first', 'second']) {
      expect((await school.sync()).counts, time).to.include({ created: 0, updated: 0, conflicts: 1 });
      expect(await school.reasons(), time).to.deep.equal({
        S1: 'was linked to a person by a decision that no longer holds: its row has another name and another national id than that person',
      });
      const [conflict] = await school.conflicts();
      expect(conflict?.candidates, time).to.deep.equal([
        { internalId: school.ana, confidence: 0.5, rule: 'decision' },
      ]);
    }
    expect(await school.student(school.ana)).to.deep.equal(before);
    await school.decide('S1', 'CREATE');
    expect((await school.sync()).counts).to.include({ created: 1, conflicts: 0 });
    expect(await school.student(school.ana)).to.deep.equal(before);
  });

  it('links nobody after the run that carried it out was taken back', async () => {
    const school = await decided('LINK');
    const { runId } = await school.sync();
    await school.integrationService.rollbackSync(school.integrationId, runId);
    const before = await school.student(school.ana);
    await school.write([PEDRO]);
    expect((await school.sync()).counts).to.include({ created: 0, updated: 0, conflicts: 1 });
    expect(await school.student(school.ana)).to.deep.equal(before);
  });

  it('links nobody, and also lists whom the row looks like now', async () => {
    const school = await decided('LINK');
    const pedro = await school.put({
      givenName: 'Pedro',
      familyName: 'Rojas',
      nationalId: '7654321-6',
    });
    await school.write([PEDRO]);
    expect((await school.sync()).counts).to.include({ created: 0, updated: 0, conflicts: 1 });
    const [conflict] = await school.conflicts();
    expect(conflict?.candidates.map(({ internalId, rule }) => [internalId, rule])).to.deep.equal([
      [pedro, 'nationalId'],
      [school.ana, 'decision'],
    ]);
    await school.decide('S1', 'LINK', pedro);
    expect((await school.sync()).counts).to.include({ updated: 1, conflicts: 0 });
    expect((await school.mapped()).get('S1')).to.equal(pedro);
  });

  it('leaves nobody out: the row comes in as somebody new', async () => {
    const school = await decided('IGNORE');
    await school.write([PEDRO]);
    expect((await school.sync()).counts).to.include({ created: 1, conflicts: 0 });
  });

  it('makes nobody twice: the row is linked to whom it surely is', async () => {
    const school = await decided('CREATE');
    const pedro = await school.put({
      givenName: 'Pedro',
      familyName: 'Rojas',
      nationalId: '7654321-6',
    });
    await school.write([PEDRO]);
    expect((await school.sync()).counts).to.include({ created: 0, updated: 1, conflicts: 0 });
    expect((await school.mapped()).get('S1')).to.equal(pedro);
  });
});

describe('a decision about a row of which only something was corrected', () => {
  const corrected = {
    'the national id came': 'S1,12345678-5,Ana,Soto,ana@x.cl,,',
    'a name came': 'S1,7654321-6,ANA María,Soto Díaz,other@x.cl,,',
  };
  for (const [what, row] of Object.entries(corrected)) {
    it(`holds: ${what}`, async () => {
      const linked = await decided('LINK');
      await linked.write([row]);
      await linked.sync();
      expect((await linked.mapped()).get('S1')).to.equal(linked.ana);
      const ignored = await decided('IGNORE');
      await ignored.write([row]);
      expect((await ignored.sync()).counts).to.include({ created: 0, updated: 0, conflicts: 1 });
      expect(await ignored.conflicts()).to.deep.equal([]);
    });
  }

  for (const [what, about] of [
    ['nothing was decided about it', []],
    ['it had been linked by a decision about another row', ['S1']],
  ] as const) {
    it(`leaves out the row of an id that was merged: ${what}`, async () => {
      const { mappingService } = await sharedServices();
      const school = await decided('LINK');
      await school.write(['S1,12345678-5,Ana,Soto,ana@x.cl,,', 'S2,20347878-K,Luz,Paz,,,']);
      await school.sync();
      await school.write(['S1,12345678-5,Eva,Rey,,,', 'S2,20347878-K,Luz,Paz,,,']);
      expect((await school.sync()).counts).to.include({ updated: 1, conflicts: 0 });
      if (about.length === 0)
        await school.database.execute('DELETE FROM sync_conflicts WHERE integration_id = $1', [
          school.integrationId,
        ]);
      await mappingService.repairs.merge({
        integrationId: school.integrationId,
        entityType: MappingEntityType.STUDENT,
        keepInternalId: (await school.mapped()).get('S2') as string,
        dropInternalId: school.ana,
        keepExternalId: 'S2',
      });
      expect((await school.sync()).counts).to.include({ created: 0, updated: 0, conflicts: 1 });
      expect(await school.conflicts()).to.deep.equal([]);
    });
  }
});
