import fc from 'fast-check';
import { MappingEntityType } from '../../../src/index.js';
import type { SyncScope } from '../../../src/sync/index.js';
import {
  type Change,
  often,
  plainRow,
  type Reading,
  SLOTS,
  type StudentRow,
  slot,
  student,
  WHOLE,
} from './school-system.js';
import { type FieldPolicy, nth, type Step, type Trouble, type Which } from './step.js';

/*
 * Beginnings of histories that are known to be risky: what random steps alone come to once in thousands. How
 * they go on is random, and what must hold is the same for all.
 */

const { GROUP, STUDENT } = MappingEntityType;

/** What a history begins with: its institution, where it matters, and its first steps. */
export interface Fragment {
  /** Institutions of which it takes one; none: any. */
  starts: readonly number[];
  steps: Step[];
}

/** Nothing is synced, the first integration is, or both are: see `makeStarts`. */
const [NEW, FIRST, BOTH] = [[0], [1, 2, 3], [4, 5]];

interface SyncOptions {
  of?: Which;
  scope?: SyncScope;
  how?: Reading;
  trouble?: Trouble | null;
}

const sync = (
  changes: Change[],
  { of = 0, scope = STUDENT, how = WHOLE, trouble = null }: SyncOptions = {},
): Step => {
  return { do: 'sync', of, scope, changes, how, trouble };
};
const preview = (changes: Change[], scope: SyncScope, ending: 'approve' | 'approve later'): Step => {
  return { do: 'preview', of: 0, scope, changes, ending, trouble: null };
};
const rollBack = (trouble: Trouble | null = null, ending: 'approve later' | null = null): Step => {
  return { do: 'roll back', of: 0, nth: 0, preview: ending, trouble };
};
const approve: Step = { do: 'approve', nth: 0, rekey: false, trouble: null };
const decide = (of: Which, resolution: 'LINK' | 'IGNORE', which: number, candidate = 0): Step => {
  return { do: 'decide', of, nth: which, resolution, candidate };
};
const row = (at: number, values: Partial<StudentRow> | null): Change => {
  return { of: 'student', slot: at, row: values && { ...plainRow(at), ...values } };
};
const many = (what: Extract<Change, { of: 'students' }>['what'], at: number, count: number): Change => {
  return { of: 'students', slot: at, count, what };
};

const of = fc.constantFrom<Which>(0, 1);
/** Two slots that are not the same. */
const twoSlots = fc.uniqueArray(slot, { minLength: 2, maxLength: 2 }) as fc.Arbitrary<[number, number]>;
const rowOf = (at: number) => student(at).map((values): Change => ({ of: 'student', slot: at, row: values }));
const anyRow = slot.chain(rowOf);
const moment = (most: number) => fc.integer({ min: 1, max: most });
const scope = fc.constantFrom<SyncScope[]>(STUDENT, STUDENT, GROUP, 'ALL');
/** Of everything there is most to be done, and most that is half done. */
const halfOfAll = fc.constantFrom<SyncScope[]>('ALL', 'ALL', STUDENT, GROUP);

const from = (starts: readonly number[], steps: fc.Arbitrary<Step[]>): fc.Arbitrary<Fragment> =>
  steps.map((made) => ({ starts, steps: made }));

/** Some leave at each of several syncs, too few for the guard each time. */
const leaving = from(
  [...FIRST, ...BOTH],
  fc
    .record({
      at: slot,
      counts: fc.array(fc.constantFrom(1, 1, 2), { minLength: 3, maxLength: 3 }),
      what: fc.constantFrom('gone' as const, 'gone' as const, 'inactive' as const),
    })
    .map(({ at, counts, what }) => counts.map((count) => sync([many(what, at, count)]))),
);

/** Something happens to many, in a reading of whatever kind, of an integration that may be new. */
const masses = from(
  [...FIRST, ...BOTH],
  fc
    .record({
      of,
      at: slot,
      count: fc.constantFrom(4, SLOTS),
      what: fc.constantFrom('inactive' as const, 'inactive' as const, 'gone' as const, 'group 0' as const),
      entities: fc.constantFrom<Reading['entities']>('whole', 'whole', 'partial', 'changes'),
    })
    .map(({ of, at, count, what, entities }) => [
      sync([many(what, at, count)], { of, how: { ...WHOLE, entities } }),
    ]),
);

/** A plan that is held, and then a good reading. */
const held = from(
  [...FIRST, ...BOTH],
  fc
    .record({ at: slot, count: fc.integer({ min: 3, max: SLOTS }), first: scope, second: scope })
    .map(({ at, count, first, second }) => [
      sync([many('gone', at, count)], { scope: first }),
      sync([many('back', 0, SLOTS)], { scope: second }),
    ]),
);

/** New people in new groups, in a preview of everything that is approved as it is. */
const previewOfAll = from(
  [...NEW, ...NEW, ...FIRST],
  fc
    .record({ slot, group: fc.nat(2), rest: fc.array(anyRow, { maxLength: 2 }) })
    .map(({ slot, group, rest }) => {
      const changes: Change[] = [
        ...rest,
        { of: 'group', slot: group, row: { active: true, teacher: 0 } },
        row(slot, { group }),
      ];
      return [preview(changes, 'ALL', 'approve')];
    }),
);

const someRows: fc.Arbitrary<Change[]> = fc.oneof(
  fc.array(anyRow, { minLength: 1, maxLength: 3 }),
  fc.constant<Change[]>([many('other e-mail', 0, SLOTS)]),
);
/** A preview, then whatever changes what it is about, and its approval. */
const stalePreview = from(
  [],
  fc
    .record({ scope, changes: someRows, nth, at: slot, other: nth })
    .chain(({ scope, changes, nth, at, other }) =>
      fc
        .constantFrom<Step>(
          { do: 'edit', nth, field: 'givenName', value: 1 },
          { do: 'edit', nth, field: 'email', value: 1 },
          { do: 'put', person: at },
          { do: 'merge', of: 0, keep: nth, drop: other, keepDropped: false },
          { do: 'unlink', of: 0, slot: at },
          { do: 'rekey', of: 0, from: at, to: (at + 1) % SLOTS, withSpace: false, inSource: false },
          { do: 'delete', of: 1 },
          rollBack(),
          sync([], { of: 1 }),
        )
        .map((meanwhile) => [preview(changes, scope, 'approve later'), meanwhile, approve]),
    ),
);

/** A preview of people in groups, which are gone before it is approved. */
const groupsGone = from(
  NEW,
  fc
    .constantFrom<SyncScope>(STUDENT, 'ALL')
    .map((scope) => [sync([], { scope: GROUP }), preview([], scope, 'approve later'), rollBack(), approve]),
);

/** A rollback is previewed, and somebody whom it takes away is in use before it is approved. */
const markedMeanwhile = from(
  NEW,
  nth.map((nth) => [
    sync([], { scope: GROUP }),
    sync([]),
    rollBack(null, 'approve later'),
    { do: 'mark', nth },
    approve,
  ]),
);

/** Two rows claim one person, a person decides, and the next syncs follow. */
const twoClaims = from(
  [...FIRST, ...BOTH],
  fc
    .record({
      of: fc.constantFrom<Which>(1, 1, 0),
      slots: twoSlots,
      which: fc.nat(1),
      resolution: fc.constantFrom('LINK' as const, 'LINK' as const, 'IGNORE' as const),
      both: fc.boolean(),
      group: fc.nat(2),
    })
    .map(({ of, slots: [a, b], which, resolution, both, group }) => [
      // The person is in the roster, and unknown to the integration.
      { do: 'unlink', of, slot: a },
      { do: 'unlink', of, slot: b },
      sync([row(a, {}), row(b, { person: a })], { of }),
      decide(of, resolution, which),
      ...(both ? [decide(of, 'LINK', 1 - which)] : []),
      sync([row(b, { person: a, group })], { of }),
    ]),
);

/** Somebody is ignored who has a group; then others change theirs. */
const ignored = from(
  // Where all groups are there.
  BOTH,
  fc
    .record({ slots: twoSlots, group: fc.nat(2), which: fc.nat(1) })
    .map(({ slots: [a, b], group, which }) => [
      { do: 'unlink', of: 0, slot: b },
      sync([row(a, { group: 0 }), row(b, { person: a })]),
      decide(0, 'IGNORE', which),
      sync([row(a, { group })]),
    ]),
);

/** Somebody's new id is one that was ignored. */
const rekeyToIgnored = from(
  [...FIRST, ...BOTH],
  fc
    .record({ slots: twoSlots, which: fc.nat(1) })
    .map(({ slots: [a, b], which }) => [
      { do: 'unlink', of: 0, slot: b },
      sync([row(a, {}), row(b, { person: a })]),
      decide(0, 'IGNORE', which),
      { do: 'rekey', of: 0, from: a, to: b, withSpace: false, inSource: false },
      sync([row(a, null)]),
    ]),
);

/** An id is somebody else's by now. */
const reusedId = from(
  [],
  fc
    .record({ of, slots: twoSlots, rest: fc.record({ mail: fc.constantFrom<0 | 1>(0, 1) }) })
    .map(({ of, slots: [a, b], rest }) => [
      sync([row(a, rest), row(b, null)], { of }),
      sync([row(a, { ...rest, person: b })], { of }),
    ]),
);

/** Two people with one code, or with a placeholder for a national id, each in an integration that the other is not in. */
const alike = from(
  [...NEW, ...FIRST],
  fc
    .record({
      slots: twoSlots,
      same: fc.constantFrom<Partial<StudentRow>>({ code: true }, { rut: 'S/N' }, { rut: 'S/N', mail: 1 }),
    })
    .map(({ slots: [a, b], same }) => [
      sync([row(a, same), row(b, null)]),
      sync([row(b, same), row(a, null)], { of: 1 }),
    ]),
);

/** Two rows have one national id from the beginning. */
const sameNationalId = from(
  NEW,
  fc
    .record({ of, slots: twoSlots })
    .map(({ of, slots: [a, b] }) => [sync([row(a, {}), row(b, { person: a })], { of })]),
);

/** Both have somebody; one is without him or her for longer than it waits, and then the other may be, too. */
const goneFromOne = from(
  BOTH,
  fc
    .record({
      of,
      at: slot,
      group: fc.constantFrom(0, 1, 2, null),
      scope: fc.constantFrom<SyncScope>(STUDENT, STUDENT, 'ALL'),
    })
    .chain(({ of, at, group, scope }) => {
      const other = of === 0 ? 1 : 0;
      const gone = sync([row(at, null)], { of: other });
      return fc
        .constantFrom<Step[]>(
          [gone, sync([], { of }), sync([], { of: other })],
          [gone, sync([], { of: other }), sync([], { of })],
          [{ do: 'delete', of: other }, sync([], { of })],
          [{ do: 'unlink', of: other, slot: at }, sync([], { of }), sync([], { of: other })],
          [sync([row(at, { group })], { of }), rollBack()],
          [sync([row(at, { group })], { of: other }), sync([], { of })],
          [rollBack(), sync([], { of })],
        )
        .map((rest) => [
          sync([row(at, { group })], { of }),
          sync([row(at, { group })], { of: other }),
          sync([row(at, null)], { of, scope }),
          sync([], { of, scope }),
          ...rest,
        ]);
    }),
);

/** Two are merged, and another integration that has the dropped one changes, or sees him or her for the first time. */
const mergedElsewhere = from(
  [...FIRST, ...BOTH],
  fc
    .record({ keep: nth, drop: nth, at: slot, values: student(0) })
    .map(({ keep, drop, at, values }) => [
      { do: 'merge', of: 0, keep, drop, keepDropped: false },
      sync([row(at, { name: values.name, mail: 1 }), many('other e-mail', at, SLOTS)], { of: 1 }),
      sync([]),
    ]),
);

/** A row of no use has a very long id. */
const longId = from(
  [...FIRST, ...BOTH],
  fc
    .constantFrom(1, 2)
    .map((times) => [
      sync([row(0, {})]),
      ...Array.from({ length: times }, () => sync([row(0, { broken: true })])),
    ]),
);

/**
 * A field is left to SmartID, edited there, and then given back to the source. Few others change: a plan of many
 * would wait, and nothing would be remembered of what was read.
 */
const policyBack = from(
  [...FIRST, ...FIRST, ...BOTH],
  fc
    .record({ nth, value: fc.constantFrom<0 | 1>(0, 1), last: often<FieldPolicy>('SOURCE', 'FILL') })
    .map(({ nth, value, last }) => [
      { do: 'policy', of: 0, email: 'SMARTID' },
      { do: 'edit', nth, field: 'email', value },
      sync([]),
      { do: 'policy', of: 0, email: last },
      sync([]),
    ]),
);

/** Rows that were read by a version that cleaned them in another way. */
const cleanedAnew = from(
  [...FIRST, ...BOTH],
  fc
    .record({ of, count: fc.constantFrom(1, 1, 2), scope: fc.constantFrom<SyncScope>(STUDENT, 'ALL') })
    .map(({ of, count, scope }) => [{ do: 'upgrade', of, count }, sync([], { of, scope })]),
);

/** The process that takes a run back dies, or one that syncs, and somebody asks to take back what was before. */
const killedRollback = from(
  [...NEW, ...FIRST],
  fc
    .record({ scope: halfOfAll, changes: fc.array(anyRow, { maxLength: 2 }), at: moment(120) })
    .map((given) => [
      sync(given.changes, { scope: given.scope }),
      rollBack({ kind: 'killed', at: given.at, recovery: 'found' }),
    ]),
);
const killedBeforeRollback = from(
  [...NEW, ...FIRST],
  fc.record({ scope, changes: fc.array(anyRow, { maxLength: 2 }), at: moment(40) }).map((given) => [
    sync([], { scope: given.scope }),
    sync(given.changes, {
      scope: given.scope,
      trouble: { kind: 'killed', at: given.at, recovery: 'roll back' },
    }),
  ]),
);
const killedApproval = from(
  [],
  fc
    .record({ scope: halfOfAll, changes: fc.array(anyRow, { maxLength: 2 }), at: moment(70) })
    .map(({ scope, changes, at }) => [
      preview(changes, scope, 'approve later'),
      { do: 'approve', nth: 0, rekey: false, trouble: { kind: 'killed', at, recovery: 'found' } },
    ]),
);

/** The school renumbers, and a person says that they are the same: at once, by approval or by a decision about all. */
const renumbered = from(
  [...FIRST, ...FIRST, ...BOTH],
  fc
    .record({
      what: fc.constantFrom('new ids' as const, 'new ids' as const, 'ids in turn' as const),
      by: fc.constantFrom(1, 2, 5),
      others: fc.array(anyRow, { maxLength: 1 }),
      scope: fc.constantFrom<SyncScope>(STUDENT, STUDENT, 'ALL'),
      isPreviewed: fc.boolean(),
      kind: fc.constantFrom('killed' as const, 'taken over' as const),
      at: fc.option(moment(60), { freq: 2 }),
      ends: often<'approve' | 'all'>('approve', 'all'),
    })
    .map(({ what, by, others, scope, isPreviewed, kind, at, ends }) => {
      const changes = [...others, many(what, 0, by)];
      const trouble: Trouble | null = at === null ? null : { kind, at, recovery: 'found' };
      return [
        isPreviewed ? preview(changes, scope, 'approve later') : sync(changes, { scope }),
        ...(ends === 'approve' ? [{ ...approve, rekey: true, trouble }] : []),
        { do: 'decide all', of: 0, resolution: 'LINK' },
        sync([], { scope }),
      ];
    }),
);

/** All of them, by name. */
export const FRAGMENTS: Readonly<Record<string, fc.Arbitrary<Fragment>>> = {
  leaving,
  masses,
  held,
  previewOfAll,
  stalePreview,
  groupsGone,
  markedMeanwhile,
  twoClaims,
  ignored,
  rekeyToIgnored,
  reusedId,
  alike,
  sameNationalId,
  goneFromOne,
  mergedElsewhere,
  longId,
  policyBack,
  cleanedAnew,
  killedRollback,
  killedBeforeRollback,
  killedApproval,
  renumbered,
};
