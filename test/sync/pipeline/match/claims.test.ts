import { expect } from 'chai';
import { meet } from '../../../support/meet.js';

const refusal = (promise: Promise<unknown>) => promise.then(() => undefined).catch((error: unknown) => error);

describe('a decision that links a row to a person', () => {
  const both = ['S1,,Ana,Soto,,A,', 'S2,,Eva,Soto,,A,', 'S3,,Luz,Paz,,,'];

  it('is a claim: another row that looks like the person stays a conflict in every later sync, and good rows come in', async () => {
    const school = await meet([{ code: 'A' }], both);
    await school.sync();
    await school.decide('S1', 'LINK', school.ids[0]);
    expect((await school.sync()).counts).to.deep.include({ created: 0, updated: 1, conflicts: 1, failed: 0 });
    expect(await school.mapped())
      .to.include.keys('S1', 'S3')
      .and.not.include.keys('S2');
    expect((await school.mapped()).get('S1')).to.equal(school.ids[0]);
    await school.write([...both, 'S4,,Sol,Paz,,,']);
    expect((await school.sync()).counts).to.deep.include({ created: 1, updated: 0, conflicts: 1 });
    expect(await school.reasons()).to.deep.equal({ S2: 'looks like the person with id "S1"' });
  });

  it('is a claim also where only a weak rule speaks for the other row: that one waits until a person decides', async () => {
    const rows = ['S1,,Ana,Soto,ana@x.cl,,', 'S2,,Eva,Paz,ana@x.cl,,'];
    const school = await meet([{ email: 'ana@x.cl', familyName: 'Rey' }], rows);
    await school.sync();
    await school.decide('S1', 'LINK', school.ids[0]);
    for (const time of ['the sync that links', 'the one after']) {
      expect((await school.sync()).counts.conflicts, time).to.equal(1);
      expect(await school.reasons(), time).to.deep.equal({ S2: 'looks like the person with id "S1"' });
    }
    await school.decide('S2', 'CREATE');
    expect((await school.sync()).counts).to.deep.include({ created: 1, conflicts: 0 });
  });

  it('is refused where another row was linked to the person, with the id of that row, also when both come at once', async () => {
    const school = await meet([{ code: 'A' }], both);
    await school.sync();
    const decisions = await Promise.all(
      ['S1', 'S2'].map((id) => refusal(school.decide(id, 'LINK', school.ids[0]))),
    );
    expect(decisions.filter((error) => error === undefined)).to.have.length(1);
    const refused = decisions.find((error) => error !== undefined) as Error;
    expect(refused).to.deep.include({ code: 'invalid_argument', reason: 'LINK_TARGET_CLAIMED' });
    expect(refused.message).to.match(/student .* is linked to "S[12]" by another decision/);
    // Whoever decides otherwise about the first frees the person.
    const [first, second] = decisions[0] === undefined ? ['S1', 'S2'] : ['S2', 'S1'];
    await school.decide(first as string, 'IGNORE');
    await school.decide(second as string, 'LINK', school.ids[0]);
    await school.sync();
    expect((await school.mapped()).get(second as string)).to.equal(school.ids[0]);
  });

  it('gives way to an earlier one for the same person, and becomes a conflict again: the good rows come in', async () => {
    const school = await meet([{ code: 'A' }], both);
    await school.sync();
    await school.database.execute(
      `UPDATE sync_conflicts SET resolution = 'LINK', internal_id = $2,
         resolved_at = CASE external_id WHEN 'S2' THEN now() - interval '1 day' ELSE now() END WHERE integration_id = $1`,
      [school.integrationId, school.ids[0]],
    );
    expect((await school.sync()).counts).to.deep.include({ updated: 1, conflicts: 1 });
    expect((await school.mapped()).get('S2')).to.equal(school.ids[0]);
    expect(await school.reasons()).to.deep.equal({ S1: 'was linked to the person whom "S2" is linked to' });
    expect((await school.sync()).counts).to.deep.include({ updated: 0, conflicts: 1 });
  });

  it('becomes a conflict again when the person is no longer in the roster', async () => {
    const school = await meet([{ code: 'A' }, { code: 'A' }], ['S1,,Ana,Soto,,A,']);
    await school.sync();
    await school.decide('S1', 'LINK', school.ids[0]);
    await school.database.execute('DELETE FROM students WHERE institution_id = $1 AND id = $2', [
      school.institutionId,
      school.ids[0],
    ]);
    expect((await school.sync()).counts).to.deep.include({ created: 0, updated: 0, conflicts: 1 });
    expect(await school.reasons()).to.deep.equal({
      S1: 'was linked to somebody who is no longer in the roster',
    });
  });
});

describe('a conflict', () => {
  it('is no longer listed as waiting once the row came in without any decision', async () => {
    const school = await meet([{ email: 'ana@x.cl' }], ['S1,,Ana,Soto,ana@x.cl,,']);
    await school.sync();
    expect(await school.conflicts()).to.have.length(1);
    await school.write(['S1,,Ana,Soto,ana.soto@x.cl,,']);
    expect((await school.sync()).counts).to.deep.include({ created: 1, conflicts: 0 });
    expect(await school.conflicts()).to.have.length(0);
  });
});
