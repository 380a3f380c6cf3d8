import fc from 'fast-check';
import { FRAGMENTS, type Fragment } from './fragments.js';
import { type Step, step } from './step.js';

/** Institutions that histories begin with. */
export const STARTS = 6;

export interface History {
  /** The institution that it begins with. */
  start: number;
  steps: Step[];
}

const random: fc.Arbitrary<History> = fc.record({
  start: fc.nat(STARTS - 1),
  steps: fc.array(step, { minLength: 1, maxLength: 3 }),
});

/** A fragment, and then whatever comes. */
const risky = (fragments: readonly fc.Arbitrary<Fragment>[]): fc.Arbitrary<History> =>
  fc
    .record({
      start: fc.nat(STARTS - 1),
      begin: fc.oneof(...fragments),
      steps: fc.array(step, { maxLength: 1 }),
    })
    .map(({ start, begin, steps }) => ({ start: startOf(begin, start), steps: [...begin.steps, ...steps] }));

function startOf({ starts }: Fragment, nth: number): number {
  return starts.length > 0 ? (starts[nth % starts.length] as number) : nth;
}

/** All histories, or only those that begin with the fragment of a name. */
export function historiesOf(name: string | undefined): fc.Arbitrary<History> {
  if (name === undefined) {
    return fc.oneof(
      { weight: 2, arbitrary: random },
      { weight: 1, arbitrary: risky(Object.values(FRAGMENTS)) },
    );
  }
  const fragment = FRAGMENTS[name];
  if (!fragment) throw new Error(`MODEL_FRAGMENT is none of ${Object.keys(FRAGMENTS).join(', ')}`);
  return risky([fragment]);
}
