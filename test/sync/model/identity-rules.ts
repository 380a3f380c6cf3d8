import { MappingEntityType } from '../../../src/index.js';
import { type Memory, personById, personByMail, personByName } from './memory.js';
import { byId, type ReadingCheck, require } from './rule.js';
import { type Fields, isOfSome, PEOPLE, type StudentRow, studentId } from './school-system.js';
import type { Conflict, Entity, Mapping, Snapshot } from './snapshot.js';

/* Who is who: in the roster, and to the rows of a source. */

const { STUDENT } = MappingEntityType;

/** Each is one person, and no person is there twice. */
export function checkPeople({ entities }: Snapshot, memory: Memory): void {
  const seen = new Map<number, string>();
  for (const entity of entities) {
    if (entity.type !== STUDENT || entity.mergedInto || memory.altered.has(entity.id)) continue;
    const [name, id] = [personByName(entity), personById(entity)];
    require(name < 0 || id < 0 || name === id, () => {
      return `${JSON.stringify(entity.fields)} has the name of one person and the national id of another`;
    });
    if (id < 0 || memory.manyfold.has(id)) continue;
    require(!seen.has(id), () =>
      `${PEOPLE[id]?.familyName} is there twice: ${seen.get(id)} and ${entity.id}`);
    seen.set(id, entity.id);
  }
}

/** Who waits for a decision is in doubt: somebody else may be meant. */
export function checkDoubt(
  { integration, type, before, after, memory }: ReadingCheck,
  externalId: string,
  fields: Fields | null,
): void {
  if (type !== STUDENT || !fields || memory.decided.has(`${integration.id} ${externalId}`)) return;
  const person = PEOPLE.findIndex(({ familyName }) => familyName === fields.familyName);
  const own = [before, after].flatMap(({ mappings }) =>
    mappings.filter((one) => one.integrationId === integration.id && one.externalId === externalId),
  );
  const isDoubted = (entity: Entity) => {
    const isOwn = own.some(({ internalId }) => internalId === entity.id);
    const isSame = personByName(entity) === person || personById(entity) === person;
    return (
      entity.type === STUDENT &&
      (isOwn ? !isSame : isSame || (fields.code === '7' && entity.fields.code === '7'))
    );
  };
  const isInDoubt = memory.manyfold.has(person) || [...before.entities, ...after.entities].some(isDoubted);
  require(isInDoubt, () =>
    `row ${externalId} ${JSON.stringify(fields)} is a conflict, and could be nobody else`);
}

/** Those who are offered as the person of a row have something in common with it that tells people apart. */
export function checkCandidates({ integration, before, after }: ReadingCheck, conflict: Conflict): void {
  const row = integration.state.students.find((_, at) => studentId(at) === conflict.externalId);
  if (!row || conflict.type !== STUDENT) return;
  const [was, is] = [byId(before.entities), byId(after.entities)];
  for (const { internalId, rule } of conflict.candidates) {
    if (rule === 'externalId') continue;
    const isLike = [was.get(internalId), is.get(internalId)].some((one) => one && haveInCommon(row, one));
    require(isLike, () =>
      `row ${conflict.externalId} may be ${internalId} by ${rule}, and has nothing in common with that one`);
  }
}

/** Whether a row and somebody of the roster have something in common that tells people apart. */
function haveInCommon({ person, code }: StudentRow, entity: Entity): boolean {
  return (
    [personByName, personById, personByMail].some((told) => told(entity) === person) ||
    (code && entity.fields.code === '7')
  );
}

/** A row of somebody new to an integration is linked to who has something in common with it. */
export function checkLinks(
  check: ReadingCheck,
  rows: ReadonlyMap<string, Fields | null>,
  mappings: ReadonlyMap<string, Mapping>,
): void {
  const { integration, type, before, memory } = check;
  if (type !== STUDENT) return;
  const was = byId(before.entities);
  const mapped = new Set(before.mappings.filter(isOf(check)).map(mappingKey));
  const claims = new Map(
    before.conflicts
      .filter((one) => isOf(check)(one) && one.resolution === 'LINK' && rows.get(one.externalId))
      .map((one) => [one.internalId, one.externalId]),
  );
  for (const mapping of mappings.values()) {
    const { externalId, internalId } = mapping;
    const entity = was.get(internalId);
    if (!entity || mapped.has(mappingKey(mapping))) continue;
    const claim = claims.get(internalId);
    require(claim === undefined || claim === externalId || mappings.has(claim), () =>
      `row ${externalId} has the person to whom a decision linked row ${claim}`);
    const at = integration.state.students.findIndex((_, slot) => studentId(slot) === externalId);
    const row = integration.state.students[at];
    if (!row || memory.decided.has(`${integration.id} ${externalId}`) || memory.altered.has(internalId))
      continue;
    require(haveInCommon(row, entity), () =>
      `row ${externalId} was linked to ${JSON.stringify(entity.fields)}`);
  }
}

const isOf =
  ({ integration, type }: Pick<ReadingCheck, 'integration' | 'type'>) =>
  (one: { integrationId: string; type: MappingEntityType }) =>
    one.integrationId === integration.id && one.type === type;
const mappingKey = ({ externalId, internalId }: Mapping) => `${externalId} ${internalId}`;

/**
 * What a source says twice of one national id is said to whoever reads the run, each time, but for rows about
 * which a person decided or is asked.
 */
export function checkRepeats(
  { integration, type, run }: ReadingCheck,
  conflicts: ReadonlyMap<string, Conflict>,
): void {
  if (type !== STUDENT || isOfSome(integration.how)) return;
  const seen = new Set<number>();
  for (const [at, row] of integration.state.students.entries()) {
    if (!row || row.broken || row.rut !== 'own' || conflicts.has(studentId(at))) continue;
    require(!seen.has(row.person) || run.counts.warnings > 0, () =>
      `two rows have the national id of ${PEOPLE[row.person]?.familyName}, and nothing is said of it`);
    seen.add(row.person);
  }
}

/** Nobody becomes somebody else: another name, with another national id or e-mail, unless a person said so. */
export function checkIdentity(before: Snapshot, after: Snapshot, memory: Memory): void {
  const was = byId(before.entities);
  for (const entity of after.entities) {
    const old = was.get(entity.id);
    if (!old || entity.type !== STUDENT || memory.altered.has(entity.id)) continue;
    const isOther = (told: (one: Entity) => number) =>
      told(old) >= 0 && told(entity) >= 0 && told(old) !== told(entity);
    const isSameId = personById(old) >= 0 && personById(old) === personById(entity);
    require(!isOther(personByName) || isSameId || !(isOther(personById) || isOther(personByMail)), () => {
      return `${JSON.stringify(old.fields)} became ${JSON.stringify(entity.fields)}`;
    });
  }
}
