import { expect } from 'chai';
import { IntegrationProvider } from '../../src/connectors/index.js';
import { StoredMemory } from '../../src/integrations/index.js';
import { newIntegration, sharedServices } from '../support/services.js';

async function memory() {
  const { database, integrationService } = await sharedServices();
  const { integrationId } = await newIntegration(IntegrationProvider.GENERIC_CSV, {
    importPath: '.',
    exportPath: '.',
  });
  const forget = () => integrationService.deleteIntegration(integrationId);
  const again = () => new StoredMemory(database, integrationId);
  const rows = async () => {
    const sql = 'SELECT count(*)::int AS count FROM connector_memory WHERE integration_id = $1';
    return (await database.query<{ count: number }>(sql, [integrationId]))[0]?.count;
  };
  return { integrationId, kept: again(), again, rows, forget };
}

const entries = (map: ReadonlyMap<string, unknown>) => [...map].sort();

describe('the memory of a connector', () => {
  it('keeps JSON values under a topic and a key, replaces them, and forgets what is undefined', async () => {
    const { kept } = await memory();
    const values: [string, unknown][] = [
      ['a', 1],
      ['b', { n: [true, null, 'ñ'] }],
      ['c', 'text'],
    ];
    await kept.remember('people', new Map(values));
    await kept.remember(
      'people',
      new Map<string, unknown>([
        ['a', 2],
        ['c', undefined],
        ['never', undefined],
      ]),
    );
    expect(entries(await kept.recall('people'))).to.deep.equal([['a', 2], values[1]]);
    expect(entries(await kept.recall('people', ['b', 'c']))).to.deep.equal([values[1]]);
    expect(entries(await kept.recall('people', []))).to.deep.equal([]);
    expect(entries(await kept.recall('others'))).to.deep.equal([]);
  });

  it('is of one integration alone', async () => {
    const [one, other] = [await memory(), await memory()];
    await one.kept.remember('people', new Map([['a', 1]]));
    expect(entries(await other.kept.recall('people'))).to.deep.equal([]);
  });

  it('takes thousands at once, and writes of the same keys side by side', async () => {
    const { kept } = await memory();
    const many = Array.from({ length: 5_000 }, (_, i): [string, unknown] => [String(i), i]);
    await Promise.all([
      kept.remember('people', new Map(many)),
      kept.remember('people', new Map(many.toReversed())),
    ]);
    expect((await kept.recall('people')).size).to.equal(5_000);
  });

  it('forgets what was not kept again for its days, and takes it out of the table when it next keeps something', async () => {
    const { integrationId, kept, again, rows } = await memory();
    const { database } = await sharedServices();
    const age = (days: number) =>
      database.execute(
        'UPDATE connector_memory SET expires_at = expires_at - make_interval(days => $2) WHERE integration_id = $1',
        [integrationId, days],
      );
    await kept.remember(
      'people',
      new Map([
        ['a', 1],
        ['b', 1],
      ]),
      { days: 30 },
    );
    await kept.remember('sessions', new Map([['s', 1]]));
    await age(29);
    // The value stays as it is, the time does not.
    await kept.remember('people', new Map([['a', 1]]), { days: 30 });
    await age(2);
    expect(entries(await kept.recall('people'))).to.deep.equal([['a', 1]]);
    expect(entries(await kept.recall('sessions'))).to.deep.equal([['s', 1]]);
    expect(await rows()).to.equal(3);
    await again().remember('others', new Map([['o', 1]]));
    expect(await rows()).to.equal(3);
    await age(400);
    await again().remember('others', new Map([['o', undefined]]));
    expect(await rows()).to.equal(0);
  });

  it('keeps nothing of an integration that was deleted meanwhile', async () => {
    const { kept, forget } = await memory();
    await forget();
    await kept.remember('people', new Map([['a', 1]]));
    expect(entries(await kept.recall('people'))).to.deep.equal([]);
  });
});
