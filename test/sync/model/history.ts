import fc from 'fast-check';
import { type Fragment, fragment } from './fragments.js';
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
const risky: fc.Arbitrary<History> = fc
  .record({ start: fc.nat(STARTS - 1), begin: fragment, steps: fc.array(step, { maxLength: 1 }) })
  .map(({ start, begin, steps }) => ({ start: startOf(begin, start), steps: [...begin.steps, ...steps] }));

function startOf({ starts }: Fragment, nth: number): number {
  return starts.length > 0 ? (starts[nth % starts.length] as number) : nth;
}

export const history: fc.Arbitrary<History> = fc.oneof(
  { weight: 2, arbitrary: random },
  { weight: 1, arbitrary: risky },
);
