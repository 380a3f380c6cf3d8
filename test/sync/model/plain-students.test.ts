import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import type { RecordSource, StudentRecord } from '../../../src/connectors/index.js';
import { IntegrationProvider, MappingEntityType } from '../../../src/index.js';
import { type SyncReport, syncPolicy } from '../../../src/sync/index.js';
import { testDatabaseUrl } from '../../support/database.js';
import { sharedServices } from '../../support/services.js';
import { syncServiceOf } from '../../support/sync-service.js';

const { STUDENT } = MappingEntityType;
/** Histories at once: they are of different schools. */
const AT_ONCE = 8;
const HISTORIES = testDatabaseUrl ? 200 : 40;

/** What the source holds at one moment: rows as they stand there, good and bad. */
interface Row {
  id: string;
  name: string;
  active: boolean;
}

type How = 'sync' | 'preview' | 'roll back';

interface Person {
  name: string;
  active: boolean;
  missing: number;
}

const id = fc.nat(11).map((n) => `E${n}`);
const row = fc.record({
  id: fc.oneof({ weight: 12, arbitrary: id }, { weight: 1, arbitrary: fc.constant('') }),
  name: fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom('Ana', 'Eva', 'Luz') },
    { weight: 1, arbitrary: fc.constant('') },
  ),
  active: fc.oneof({ weight: 6, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
});
/** Mostly everybody once; sometimes anything. */
const everybody = fc
  .subarray(
    Array.from({ length: 12 }, (_, n) => `E${n}`),
    { minLength: 6 },
  )
  .chain((ids) =>
    fc.tuple(...ids.map((one) => row.map((some) => ({ ...some, id: some.id === '' ? '' : one })))),
  );
const source = fc.oneof(
  { weight: 3, arbitrary: everybody },
  { weight: 1, arbitrary: fc.array(row, { maxLength: 14 }) },
);
const history = fc.array(
  fc.record({ source, how: fc.constantFrom<How>('sync', 'sync', 'preview', 'roll back') }),
  {
    minLength: 1,
    maxLength: 4,
  },
);

/** Whom a run took away and brought back, of how many. */
interface Step {
  base: number;
  left: readonly string[];
  returned: readonly string[];
}

/** The good rows, of each id the first that is active, or else the first. */
function rowsThatCount(rows: readonly Row[]): ReadonlySet<Row> {
  const chosen = new Map<string, Row>();
  for (const row of rows) {
    if (row.id === '' || row.name === '') continue;
    const before = chosen.get(row.id);
    if (!before || (row.active && !before.active)) chosen.set(row.id, row);
  }
  return new Set(chosen.values());
}

/** What a sync is to do, in plain words of memory. `past`: the steps since a person last approved a plan. */
function expectSync(before: ReadonlyMap<string, Person>, rows: readonly Row[], past: readonly Step[]) {
  const after = new Map([...before].map(([key, person]) => [key, { ...person }]));
  const counts = {
    read: rows.length,
    created: 0,
    updated: 0,
    unchanged: 0,
    failed: 0,
    missing: 0,
    deactivated: 0,
  };
  const counting = rowsThatCount(rows);
  const spoken = new Set<string>();
  let gap = rows.length === 0;
  const [left, returned]: [string[], string[]] = [[], []];
  const known = [...before.values()].filter(({ missing }) => missing === 0);
  const base = known.filter(({ active }) => active).length;
  for (const row of rows) {
    const { id: key, name, active } = row;
    if (key !== '') spoken.add(key);
    if (!counting.has(row)) {
      counts.failed += 1;
      gap ||= key === '' || name !== '';
      continue;
    }
    const person = before.get(key);
    if (!person) counts.created += 1;
    else if (person.name === name && person.active === active && person.missing === 0) counts.unchanged += 1;
    else {
      counts.updated += 1;
      if (person.active && !active) {
        left.push(key);
        if (person.missing === 0) counts.deactivated += 1;
      }
      if (person.missing > 0 ? person.active || active : !person.active && active) returned.push(key);
    }
    after.set(key, { name, active, missing: 0 });
  }
  for (const [key, person] of before) {
    if (spoken.has(key)) continue;
    counts.missing += 1;
    if (gap || !(person.active || person.missing === 0)) continue;
    // Who is inactive has nothing to lose.
    if (person.missing === 0 && person.active) left.push(key);
    const isOver = person.missing >= 1 && person.active;
    if (isOver) counts.deactivated += 1;
    after.set(key, { ...person, missing: person.missing + 1, active: person.active && !isOver });
  }
  const isOver = (count: number, of: number, percent: number) =>
    of > 0 && count >= 5 && count * 100 > of * percent;
  const step = { base, left, returned };
  const gone = new Set<string>();
  for (const one of [...past, step]) {
    for (const key of one.returned) gone.delete(key);
    for (const key of one.left) gone.add(key);
  }
  const most = Math.max(base, ...past.map((one) => one.base));
  const addsUp = past.length > 0 && left.length > 0 && isOver(gone.size, most, 10);
  const held = (known.length > 0 && rows.length === 0) || isOver(left.length, base, 10) || addsUp;
  return { after, counts, held, step };
}

/** One school on the real database. */
async function openSchool() {
  const { database, integrationService } = await sharedServices();
  const institutionId = randomUUID();
  const { id: integrationId } = await integrationService.createIntegration({
    institutionId,
    provider: IntegrationProvider.GENERIC_CSV,
    config: { importPath: 'none' },
  });
  let entities: RecordSource['entities'];
  // This model does not know how names that change in several runs add up.
  const policy = () => syncPolicy.parse({ guard: { changedPercent: 100 } });
  const syncs = syncServiceOf(database, () => ({ entities }), { policy });
  const key = { integrationId, institutionId, entityType: STUDENT };
  const run = (rows: readonly Row[], kind: 'SYNC' | 'PREVIEW'): Promise<SyncReport> => {
    const records = rows.map(({ id: externalId, name: givenName, active }, index): StudentRecord => {
      return { externalId, givenName, active, line: index + 2 };
    });
    entities = (async function* () {
      for (let at = 0; at < records.length; at += 5) yield records.slice(at, at + 5);
    })();
    return syncs.sync({ ...key, kind });
  };
  const state = async () => {
    const people = await database.query<{ key: string; id: string } & Person>(
      `SELECT m.external_id AS key, m.internal_id AS id, t.given_name AS name, t.active, m.missing_runs AS missing FROM integration_mappings m
       JOIN students t ON t.institution_id = $2 AND t.id = m.internal_id WHERE m.integration_id = $1`,
      [integrationId, institutionId],
    );
    const [totals] = await database.query<{ people: number; mappings: number }>(
      `SELECT (SELECT count(*)::int FROM students WHERE institution_id = $2) AS people,
         (SELECT count(*)::int FROM integration_mappings WHERE integration_id = $1) AS mappings`,
      [integrationId, institutionId],
    );
    // Nobody is lost, and nobody is an orphan.
    expect(totals).to.deep.equal({ people: people.length, mappings: people.length });
    return people;
  };
  return { syncs, integrationId, run, state };
}

async function live(steps: readonly { source: readonly Row[]; how: How }[]): Promise<void> {
  const school = await openSchool();
  const { syncs, integrationId } = school;
  let people = new Map<string, Person>();
  const ids = new Map<string, string>();
  const check = async () => {
    const state = await school.state();
    expect(
      Object.fromEntries(state.map(({ key, name, active, missing }) => [key, { name, active, missing }])),
    ).to.deep.equal(Object.fromEntries(people));
    // Whoever was there is still the same person.
    for (const { key, id: internalId } of state) {
      expect(ids.get(key) ?? internalId).to.equal(internalId);
      ids.set(key, internalId);
    }
  };
  let past: Step[] = [];
  for (const { source: rows, how } of steps) {
    const { after, counts, held, step } = expectSync(people, rows, past);
    const report = await school.run(rows, how === 'preview' ? 'PREVIEW' : 'SYNC');
    expect(report.counts).to.deep.include(counts);
    expect(report.status, report.errors[0]).to.equal(
      how === 'preview' ? 'PREVIEWED' : held ? 'HELD' : 'COMPLETED',
    );
    if (how === 'preview' || held) {
      await check();
      const done = await syncs.approve(integrationId, report.runId, 'as it was shown');
      expect(done.counts).to.deep.include({ ...counts, moved: 0 });
      past = [];
    } else if (how === 'sync' && (step.left.length > 0 || step.returned.length > 0)) past.push(step);
    const before = people;
    people = after;
    await check();
    if (how !== 'roll back') continue;
    const back = await syncs.rollBack(integrationId, report.runId);
    expect(back.counts.failed).to.equal(0);
    people = before;
    for (const key of ids.keys()) if (!people.has(key)) ids.delete(key);
    await check();
  }
}

describe('the students of one integration, in random histories', () => {
  it(`stand in the database as in a plain model in memory, ${HISTORIES} of them`, async function () {
    this.timeout(600_000);
    const property = fc.asyncProperty(
      fc.array(history, { minLength: AT_ONCE, maxLength: AT_ONCE }),
      async (histories) => {
        await Promise.all(histories.map(live));
      },
    );
    await fc.assert(property, { numRuns: HISTORIES / AT_ONCE, seed: 1, endOnFailure: true });
  });
});
