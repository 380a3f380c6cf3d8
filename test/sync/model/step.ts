import fc from 'fast-check';
import { MappingEntityType } from '../../../src/index.js';
import type { SyncScope } from '../../../src/sync/index.js';
import { type Change, change, often, type Reading, reading, slot } from './school-system.js';

/** What happens to the process that does a step, at which of its moments. */
export interface Trouble {
  /**
   * killed: the process dies. taken over: another process takes its runs. late: its leases run out, and
   * nobody takes them. deleted: the integration is deleted. met: somebody asks for a sync of everything.
   */
  kind: 'killed' | 'taken over' | 'late' | 'deleted' | 'met';
  at: number;
  /** How the run goes on after a kill: it is found, or somebody asks for something first. */
  recovery: 'found' | 'the same' | 'everything' | 'roll back';
}

/** Which of the integrations, or of what there is. */
export type Which = 0 | 1;
export type FieldPolicy = 'SOURCE' | 'SMARTID' | 'FILL';
export type Ending = 'approve' | 'approve later' | 'discard';

export type Step =
  | { do: 'sync'; of: Which; scope: SyncScope; changes: Change[]; how: Reading; trouble: Trouble | null }
  | { do: 'preview'; of: Which; scope: SyncScope; changes: Change[]; ending: Ending; trouble: Trouble | null }
  | { do: 'push'; of: Which; change: Change; trouble: Trouble | null }
  | { do: 'sync both'; scope: SyncScope; changes: Change[] }
  | { do: 'approve'; nth: number; rekey: boolean; trouble: Trouble | null }
  | { do: 'roll back'; of: Which; nth: number; preview: Ending | null; trouble: Trouble | null }
  | { do: 'decide'; of: Which; nth: number; resolution: 'LINK' | 'CREATE' | 'IGNORE'; candidate: number }
  /** All conflicts of the same national id at once. */
  | { do: 'decide all'; of: Which; resolution: 'LINK' | 'CREATE' | 'IGNORE' }
  | { do: 'edit'; nth: number; field: 'email' | 'givenName'; value: 0 | 1 }
  | { do: 'put'; person: number }
  | { do: 'mark'; nth: number }
  | { do: 'merge'; of: Which; keep: number; drop: number; keepDropped: boolean }
  | { do: 'rekey'; of: Which; from: number; to: number; withSpace: boolean; inSource: boolean }
  | { do: 'unlink'; of: Which; slot: number }
  | { do: 'policy'; of: Which; email: FieldPolicy }
  /** What a version before had cleaned in another way is read by this one: that of so many students. */
  | { do: 'upgrade'; of: Which; count: number }
  | { do: 'delete'; of: Which };

const of = fc.constantFrom<Which>(0, 0, 0, 1);
const { GROUP, STUDENT, TEACHER } = MappingEntityType;
const scope = fc.constantFrom<SyncScope[]>(STUDENT, STUDENT, STUDENT, STUDENT, GROUP, TEACHER, 'ALL');
const changes = fc.array(change, { maxLength: 4 });
const someTrouble = fc.record<Trouble>({
  kind: fc.constantFrom<Trouble['kind'][]>(
    'killed',
    'killed',
    'killed',
    'taken over',
    'taken over',
    'late',
    'deleted',
    'met',
  ),
  at: fc.integer({ min: 1, max: 70 }),
  recovery: fc.constantFrom<Trouble['recovery'][]>('found', 'found', 'the same', 'everything', 'roll back'),
});
const trouble = fc.oneof({ weight: 2, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: someTrouble });
export const ending = fc.constantFrom<Ending>('approve', 'approve later', 'approve later', 'discard');
export const nth = fc.nat(9);

const one = <T extends Step['do']>(name: T) => fc.constant(name);
const sync = fc.record({ do: one('sync'), of, scope, changes, how: reading, trouble });
export const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 10, arbitrary: sync },
  { weight: 4, arbitrary: fc.record({ do: one('preview'), of, scope, changes, ending, trouble }) },
  { weight: 3, arbitrary: fc.record({ do: one('push'), of, change, trouble }) },
  { weight: 1, arbitrary: fc.record({ do: one('sync both'), scope, changes }) },
  { weight: 4, arbitrary: fc.record({ do: one('approve'), nth, rekey: often(false, true), trouble }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: one('decide all'),
      of,
      resolution: often<'LINK' | 'CREATE' | 'IGNORE'>('LINK', 'CREATE', 'IGNORE'),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: one('roll back'), of, nth, preview: fc.option(ending, { freq: 2 }), trouble }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: one('decide'),
      of,
      nth,
      resolution: fc.constantFrom('LINK' as const, 'LINK' as const, 'CREATE' as const, 'IGNORE' as const),
      candidate: fc.nat(2),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: one('edit'),
      nth,
      field: fc.constantFrom('email' as const, 'givenName' as const),
      value: fc.constantFrom<0 | 1>(0, 1),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: one('put'), person: slot }) },
  { weight: 2, arbitrary: fc.record({ do: one('mark'), nth }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: one('merge'), of, keep: nth, drop: nth, keepDropped: fc.boolean() }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: one('rekey'),
      of,
      from: slot,
      to: slot,
      withSpace: fc.boolean(),
      inSource: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: one('unlink'), of, slot }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: one('policy'),
      of,
      email: fc.constantFrom<FieldPolicy>('SOURCE', 'SMARTID', 'FILL'),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: one('upgrade'), of, count: fc.constantFrom(1, 1, 2) }),
  },
  { weight: 1, arbitrary: fc.record({ do: one('delete'), of }) },
);
