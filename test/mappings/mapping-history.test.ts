import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { newCsvSource } from '../support/institution.js';
import { sharedServices } from '../support/services.js';

const header = 'id,nombres,código';

/** Puts changes of so many others into the log of an integration. */
async function addOthers(of: { integrationId: string; institutionId: string }, rows: number) {
  const { database } = await sharedServices();
  const id = randomUUID();
  await database.execute(
    `INSERT INTO sync_changes (integration_id, run_id, seq, entity, action, internal_id, external_id, after)
     SELECT $1, $2, i, 'STUDENT', CASE i % 3 WHEN 0 THEN 'CREATE' WHEN 1 THEN 'UPDATE' ELSE 'LINK' END, gen_random_uuid(), 'O' || i, '{}'
     FROM generate_series(1, $3::int) AS i`,
    [of.integrationId, id, rows],
  );
  await database.execute(
    `INSERT INTO sync_runs (integration_id, id, institution_id, entity_type, status, owner, lease_until, applied_position)
     VALUES ($1, $2, $3, 'STUDENT', 'COMPLETED', $2, now(), nextval('sync_runs_position'))`,
    [of.integrationId, id, of.institutionId],
  );
}

describe('the history of a mapping', () => {
  it('tells all that became of an id and of a person, and only that', async () => {
    const { mappingService } = await sharedServices();
    const source = await newCsvSource({ 'students.csv': `${header}\nA,Ana,C-1\nB,Eva,\n` });
    await source.sync();
    const person = await source.idOf('A');
    await source.write({ 'students.csv': `${header}\nA,Ana María,C-1\nB,Eva,\n` });
    await source.sync();
    await mappingService.repairs.rekey({ ...source.of, externalId: 'A', newExternalId: 'A2' });
    await mappingService.repairs.unlink({ ...source.of, externalId: 'A2' });
    await source.write({ 'students.csv': `${header}\nA3,Ana María,C-1\nB,Eva,\n` });
    await source.sync();
    const actions = async (of: { externalId?: string; internalId?: string }, pageSize = 100) => {
      const found: string[] = [];
      for (let pageToken: string | undefined = ''; pageToken !== undefined; ) {
        const page = await mappingService.repairs.history({ ...source.of, ...of }, { pageSize, pageToken });
        found.push(...page.items.map(({ action, externalId }) => `${action} ${externalId}`));
        pageToken = page.nextPageToken;
      }
      return found;
    };
    expect(await actions({ externalId: 'A' })).to.deep.equal(['REKEY A2', 'UPDATE A', 'CREATE A']);
    expect(await actions({ externalId: 'A2' })).to.deep.equal(['UNLINK A2', 'REKEY A2']);
    expect(await actions({ externalId: 'A3' })).to.deep.equal(['LINK A3']);
    const all = ['LINK A3', 'UNLINK A2', 'REKEY A2', 'UPDATE A', 'CREATE A'];
    for (const pageSize of [1, 2, 100])
      expect(await actions({ internalId: person }, pageSize)).to.deep.equal(all);
    expect(await actions({ externalId: 'C' })).to.deep.equal([]);
  });

  it('is found by index: among 100,000 changes as among a few, before the database knows how many there are and after', async () => {
    const { database, mappingService } = await sharedServices();
    const source = await newCsvSource({ 'students.csv': `${header}\nA,Ana,C-1\nB,Eva,\n` });
    await source.sync();
    const person = await source.idOf('A');
    await mappingService.repairs.rekey({ ...source.of, externalId: 'A', newExternalId: 'A2' });
    const fastest = async (of: { externalId?: string; internalId?: string }) => {
      let best = Number.POSITIVE_INFINITY;
      for (let i = 0; i < 10; i++) {
        const begin = performance.now();
        const { items } = await mappingService.repairs.history({ ...source.of, ...of });
        best = Math.min(best, performance.now() - begin);
        expect(items).to.not.have.lengthOf(0);
      }
      return best;
    };
    const mappings = [{ internalId: person }, { externalId: 'A' }, { externalId: 'A2' }, { externalId: 'B' }];
    const few: number[] = [];
    for (const mapping of mappings) few.push(await fastest(mapping));
    await addOthers(source, 100_000);
    for (const learn of [false, true]) {
      if (learn) await database.execute('ANALYZE sync_changes, sync_runs, integration_mappings');
      for (const [index, mapping] of mappings.entries()) {
        // Going through all changes costs some hundred times as much.
        const ratio = (await fastest(mapping)) / Math.max(few[index] as number, 2);
        expect(ratio, JSON.stringify({ learn, ...mapping })).to.be.below(8);
      }
    }
    expect((await mappingService.repairs.history({ ...source.of, externalId: 'A' })).items).to.have.lengthOf(
      2,
    );
  });
});
