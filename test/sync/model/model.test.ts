import { expect } from 'chai';
import fc from 'fast-check';
import pLimit from 'p-limit';
import type { Database } from '../../../src/database/index.js';
import { testDatabaseUrl } from '../../support/database.js';
import { quietDatabase } from '../../support/quiet-database.js';
import { historiesOf } from './history.js';
import { live } from './live.js';
import { contentOf, takeSnapshot } from './snapshot.js';
import { makeStarts, type Start } from './start.js';

/** Histories that are lived side by side: they are of different institutions. */
const AT_ONCE = testDatabaseUrl ? 8 : 1;
/** CI lives 200 on the embedded database, by MODEL_HISTORY. */
const HISTORIES = testDatabaseUrl ? 2_000 : 50;
/** MODEL_FRAGMENT=masses: only histories that begin with that fragment. */
const history = historiesOf(process.env.MODEL_FRAGMENT || undefined);
/** None of those that are lived takes longer, on however slow a machine, in milliseconds. */
const GUARD_MS = 120_000;
/** How long a history that failed is made smaller, in milliseconds. */
const SHRINK_MS = 60_000;

/** One history, made by its seed; undefined when all rules held, else the smallest one found that breaks one. */
async function tell(database: Database, starts: readonly Start[], seed: number): Promise<string | undefined> {
  const property = fc.asyncProperty(history, (given) => live(database, starts[given.start] as Start, given));
  const told = await fc.check(property, { seed, numRuns: 1, endOnFailure: true });
  if (!told.failed) return undefined;
  const smaller = await fc.check(property, { seed, numRuns: 1, interruptAfterTimeLimit: SHRINK_MS });
  const { errorInstance, counterexample } = smaller.counterexample ? smaller : told;
  return `history ${seed} (again with MODEL_HISTORY=${seed}): ${(errorInstance as Error).stack}\n${JSON.stringify(counterexample?.[0])}`;
}

describe('random histories of an institution with two integrations', () => {
  // MODEL_HISTORY=17 lives that one alone, MODEL_HISTORY=17-400 those.
  const range = process.env.MODEL_HISTORY?.split('-').map(Number) ?? [1, HISTORIES];
  const [first, last] = [range[0], range.at(-1)] as [number, number];

  it(`break no rule, ${last - first + 1} of them`, async function () {
    this.timeout(GUARD_MS);
    const database = await quietDatabase();
    const starts = await makeStarts(database);
    const others = () =>
      Promise.all(
        starts.map(async ({ institutionId }) => contentOf(await takeSnapshot(database, institutionId))),
      );
    const untouched = await others();
    const limit = pLimit(AT_ONCE);
    let failure: string | undefined;
    const seeds = Array.from({ length: last - first + 1 }, (_, index) => first + index);
    await Promise.all(
      seeds.map((seed) =>
        limit(async () => {
          if (failure !== undefined) return;
          const found = await tell(database, starts, seed);
          failure ??= found;
          // Waits anew for the next one.
          this.timeout(GUARD_MS);
        }),
      ),
    );
    // Mocha would compare it with how long all of them took.
    this.timeout(0);
    if (failure !== undefined) throw new Error(failure);
    // Institutions with the same people, whom nobody did anything with.
    expect(await others()).to.deep.equal(untouched);
  });
});
