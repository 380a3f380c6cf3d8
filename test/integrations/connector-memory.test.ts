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
  return { kept: new StoredMemory(database, integrationId), forget };
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

  it('keeps nothing of an integration that was deleted meanwhile', async () => {
    const { kept, forget } = await memory();
    await forget();
    await kept.remember('people', new Map([['a', 1]]));
    expect(entries(await kept.recall('people'))).to.deep.equal([]);
  });
});
