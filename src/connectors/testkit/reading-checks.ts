import assert from 'node:assert/strict';
import { MappingEntityType } from '../mapping-entity-type.js';
import type { Pair, Reading } from './reading.js';
import type { Simulation } from './simulation.js';

/** The role of the memberships that come with an entity type. */
const ROLE_OF = { [MappingEntityType.STUDENT]: 'STUDENT', [MappingEntityType.GROUP]: 'TEACHER' } as const;

/**
 * Holds a reading of an undisturbed system against what the system has. Each failure says what to do about it.
 * `disturbed`: something went wrong on the way, so that the reading may say that it proves no absence.
 */
export function assertWhole(
  simulation: Simulation,
  entityType: MappingEntityType,
  reading: Reading,
  { disturbed = false } = {},
): void {
  assertSame(
    reading.ids,
    simulation.expected[entityType] ?? [],
    `of ${entityType}: yield every record once, from every page`,
  );
  const inactive = simulation.inactive?.[entityType];
  if (inactive) {
    assertSame(
      reading.inactive,
      inactive,
      `of inactive ${entityType}: set "active: false" on the records that the system says no longer count, and on no others`,
    );
  }
  assertMemberships(simulation, entityType, reading.pairs);
  if (disturbed) return;
  assertProves(reading.entities, `${entityType}`);
  assertProves(reading.memberships, `the memberships that come with ${entityType}`);
  if (simulation.declaresTotals?.includes(entityType)) {
    assert.equal(
      reading.entities.declaredTotal,
      reading.entities.rows,
      `the system says how many ${entityType} it has: put that number into "declaredTotal" of the pages, less the rows that the connector leaves out on purpose`,
    );
  }
}

function assertMemberships(
  { expectedMemberships }: Simulation,
  entityType: MappingEntityType,
  pairs: readonly Pair[],
): void {
  const role = ROLE_OF[entityType as keyof typeof ROLE_OF];
  const expected = role && expectedMemberships?.[role];
  if (!expected) return;
  const name = ([inRole, group, person]: Pair) => `${inRole} ${person} in ${group}`;
  assertSame(
    pairs.map(name),
    expected.map(([group, person]) => name([role, group, person])),
    `of memberships: let memberships('${role}'), or the records themselves, tell every one in this role once; they are read with ${entityType}`,
  );
}

/** A reading without gaps is the only one after which anybody can be taken for gone. */
function assertProves({ rows, declaredTotal, gaps }: Reading['entities'], what: string): void {
  assert.deepEqual(
    gaps,
    [],
    `the reading of ${what} says that it is not whole, though nothing was wrong: nobody could ever be taken for gone`,
  );
  assert.ok(
    declaredTotal === undefined || rows >= declaredTotal,
    `"declaredTotal" of ${what} is ${declaredTotal}, and ${rows} rows came: leave out of the number what the connector leaves out of the pages`,
  );
}

function assertSame(found: readonly string[], expected: readonly string[], what: string): void {
  const left = new Map<string, number>();
  for (const each of expected) left.set(each, (left.get(each) ?? 0) + 1);
  const surplus: string[] = [];
  for (const each of found) {
    const count = left.get(each) ?? 0;
    if (count > 0) left.set(each, count - 1);
    else surplus.push(each);
  }
  const missing = [...left].flatMap(([each, count]) => (count > 0 ? [each] : []));
  const parts = [
    missing.length > 0 && `${missing.length} missing (${some(missing)})`,
    surplus.length > 0 && `${surplus.length} too many or twice (${some(surplus)})`,
  ].filter(Boolean);
  assert.ok(parts.length === 0, `${parts.join(', ')} ${what}`);
}

function some(names: readonly string[]): string {
  return [...names.slice(0, 5), ...(names.length > 5 ? ['…'] : [])].join(', ');
}
