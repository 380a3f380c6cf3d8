import { MappingEntityType } from '../../../src/index.js';
import { checkCandidates, checkDoubt, checkLinks, checkPeople, checkRepeats } from './identity-rules.js';
import type { Memory } from './memory.js';
import { byId, type ReadingCheck, require } from './rule.js';
import { checkRuns } from './run-rules.js';
import type { ModelIntegration } from './school.js';
import { type Fields, isOfSome, membershipsOf, rowsOf } from './school-system.js';
import { contentOf, type Entity, type Mapping, type Snapshot } from './snapshot.js';

const { COURSE, GROUP, STUDENT } = MappingEntityType;

/** What holds at any time, whatever happened. */
export function checkAlways(now: Snapshot, memory: Memory): void {
  const entities = byId(now.entities);
  const unmerged = (id: string) => entities.get(id)?.mergedInto === null;
  for (const { type, externalId, internalId } of now.mappings) {
    require(externalId === externalId.trim(), () => `"${externalId}" is mapped, and is no clean id`);
    require(entities.get(internalId)?.type === type, () =>
      `"${externalId}" is mapped to nobody: ${internalId}`);
    require(unmerged(internalId), () => `"${externalId}" is mapped to somebody who was merged into another`);
  }
  for (const { groupId, personId, role } of now.memberships) {
    require(entities.get(groupId)?.type === GROUP, () => `a membership has no group: ${groupId}`);
    require(entities.get(personId)?.type === role, () => `a membership has no ${role}: ${personId}`);
    require(unmerged(groupId) && unmerged(personId), () =>
      `a membership is of somebody who was merged: ${personId}`);
  }
  for (const { id, type, fields, mergedInto } of now.entities) {
    require(mergedInto === null || fields.active === false, () => `${type} ${id} was merged and is active`);
    const { courseId } = fields;
    require(!courseId || unmerged(courseId), () => `group ${id} is of a course that is not there`);
  }
  for (const student of now.marked)
    require(unmerged(student), () => `a mark is of a student who is not there: ${student}`);
  checkPeople(now, memory);
  checkGroups(now);
  checkRuns(now);
}

/** The groups of an integration have names of their own: none is there twice, in one course. */
function checkGroups({ entities }: Snapshot): void {
  const seen = new Set<string>();
  for (const { type, fields } of entities) {
    if (type !== GROUP || !fields.active) continue;
    const key = `${fields.name} of course ${fields.courseId}`;
    require(!seen.has(key), () => `there are two groups ${key}`);
    seen.add(key);
  }
}

/** What holds after a run that read all of an entity type and was applied. */
export function checkReading(check: ReadingCheck): void {
  const { integration, type, run, after } = check;
  const rows = rowsOf(integration.state, integration.letter, type);
  const isOurs = (one: { integrationId: string; type: MappingEntityType }) =>
    one.integrationId === integration.id && one.type === type;
  const mappings = new Map(after.mappings.filter(isOurs).map((mapping) => [mapping.externalId, mapping]));
  const conflicts = new Map(
    after.conflicts.filter(isOurs).map((conflict) => [conflict.externalId, conflict]),
  );
  const entities = byId(after.entities);
  const isPartial = isOfSome(integration.how);
  for (const [externalId, fields] of rows) {
    const mapping = mappings.get(externalId);
    const conflict = conflicts.get(externalId);
    const isWaiting = conflict?.resolution === null;
    if (isWaiting) checkDoubt(check, externalId, fields);
    if (isWaiting && conflict) checkCandidates(check, conflict);
    if (!fields || isPartial || run.counts.moved > 0) continue;
    const isLeftOut = isWaiting || (conflict?.resolution === 'IGNORE' && !mapping);
    require(mapping !== undefined || isLeftOut, () => `row ${externalId} of ${type} came to nothing`);
    if (!mapping || isWaiting) continue;
    require(mapping.missing === 0, () => `${externalId} is in the source and counts as missing`);
    checkFields(check, mapping, entities.get(mapping.internalId), fields);
  }
  checkLinks(check, rows, mappings);
  checkRepeats(check, conflicts);
  checkAbsent(check, rows, mappings);
  if (type === GROUP || type === STUDENT) checkMemberships(check, mappings, conflicts);
  if (type === GROUP && !isPartial && run.counts.moved === 0) checkCourses(check, mappings, entities);
}

/** Who is mapped by one integration alone is as that one's source says, but for what SmartID keeps. */
function checkFields(
  { integration, memory }: ReadingCheck,
  mapping: Mapping,
  entity: Entity | undefined,
  fields: Fields,
): void {
  if (!entity || memory.shared.has(entity.id)) return;
  const policies = integration.policy.fields[mapping.type] as Record<string, string>;
  for (const [field, value] of Object.entries(fields)) {
    if (policies[field] === 'SMARTID' && entity.edited.includes(field)) continue;
    if (policies[field] === 'FILL' && entity.fields[field]) continue;
    require(entity.fields[field] === value, () => {
      return `${field} of ${mapping.externalId} is ${entity.fields[field]} and the source says ${value}`;
    });
  }
}

/** Absence counts once for each reading that proves it, and for no other. */
function checkAbsent(
  { integration, type, before, after }: ReadingCheck,
  rows: ReadonlyMap<string, unknown>,
  mappings: ReadonlyMap<string, Mapping>,
): void {
  const isWhole = integration.how.entities === 'whole' && rows.size > 0;
  const entities = byId(after.entities);
  for (const [externalId, { internalId, missing }] of mappings) {
    const was = before.mappings.find(
      (one) => one.integrationId === integration.id && one.type === type && one.externalId === externalId,
    );
    if (rows.has(externalId) || !isWhole) {
      require(missing <= (was?.missing ?? 0), () =>
        `nothing proves that ${externalId} of ${type} is missing`);
      continue;
    }
    require(missing > 0, () => `${externalId} of ${type} is gone and does not count as missing`);
    const { active } = entities.get(internalId)?.fields ?? {};
    const isHeld = isHeldByOther(after, integration.id, internalId);
    require(missing < 2 || !active || isHeld, () => `${externalId} of ${type} is gone for long and active`);
    const wasActive = byId(before.entities).get(internalId)?.fields.active;
    require(active === true || !wasActive || !isHeld, () =>
      `${externalId} of ${type} is inactive for being gone, and another integration has it`);
  }
}

/** Whether another integration has an entity, or still waits for it. */
function isHeldByOther({ mappings }: Snapshot, integrationId: string, internalId: string): boolean {
  return mappings.some(
    (one) => one.integrationId !== integrationId && one.internalId === internalId && one.missing <= 1,
  );
}

/** Memberships begin as the source has them, and end when all of it was read. */
function checkMemberships(
  { integration, type, before, after, run }: ReadingCheck,
  mappings: ReadonlyMap<string, Mapping>,
  conflicts: ReadonlyMap<string, { resolution: string | null }>,
): void {
  const role = type === STUDENT ? MappingEntityType.STUDENT : MappingEntityType.TEACHER;
  const { how, id } = integration;
  const mapped = (of: MappingEntityType) =>
    new Map(
      after.mappings
        .filter((one) => one.integrationId === id && one.type === of)
        .map((one) => [one.externalId, one]),
    );
  const [groups, people] = [mapped(GROUP), type === STUDENT ? mappings : mapped(role)];
  const list = membershipsOf(integration.state, type);
  const keyOf = (groupId: string, personId: string) => `${groupId} ${personId}`;
  const has = new Set(
    after.memberships.filter((one) => one.role === role).map((one) => keyOf(one.groupId, one.personId)),
  );
  const wanted = new Set<string>();
  let isWhole = how.memberships === 'whole' && how.entities === 'whole' && list.length > 0;
  for (const { group, person } of list) {
    const [groupMapping, personMapping] = [groups.get(group), people.get(person)];
    const isInDoubt = conflicts.has(person) && conflicts.get(person)?.resolution !== 'CREATE';
    if (!groupMapping || (!personMapping && !isInDoubt)) isWhole = false;
    if (!groupMapping || !personMapping) continue;
    wanted.add(keyOf(groupMapping.internalId, personMapping.internalId));
  }
  const isRead = how.memberships === 'whole' || how.memberships === 'short';
  const inDoubt = new Set(
    [...conflicts]
      .filter(([, { resolution }]) => resolution === null)
      .map(([person]) => people.get(person)?.internalId),
  );
  if (isRead && how.entities === 'whole' && run.membershipCounts.moved + run.counts.moved === 0) {
    for (const key of wanted) {
      if (inDoubt.has(key.split(' ')[1])) continue;
      require(has.has(key), () => `the source has a membership of ${role} that the roster has not`);
    }
  }
  const present = (of: ReadonlyMap<string, Mapping>, internalId: string) =>
    [...of.values()].some((one) => one.internalId === internalId && one.missing === 0);
  if (isWhole && run.membershipCounts.moved === 0) {
    for (const { groupId, personId, integrationId, role: its } of after.memberships) {
      if (integrationId !== id || its !== role || inDoubt.has(personId)) continue;
      if (!present(groups, groupId) || !present(people, personId)) continue;
      require(wanted.has(keyOf(groupId, personId)), () => `a membership of ${role} outlived the source's`);
    }
  }
  // Of who is gone, and of a group that is, the last state is kept, but for whom another integration has.
  const isGone = (of: ReadonlyMap<string, Mapping>, internalId: string) =>
    [...of.values()].some(
      (one) =>
        one.internalId === internalId &&
        one.missing > 0 &&
        (one.missing === 1 || !isHeldByOther(after, id, internalId)),
    );
  for (const { groupId, personId, role: its } of before.memberships) {
    if (its !== role || (!isGone(groups, groupId) && !isGone(people, personId))) continue;
    require(has.has(keyOf(groupId, personId)), () => `a membership of ${role} ended with who is gone`);
  }
  if (how.memberships === 'whole' && how.entities === 'whole') return;
  for (const { groupId, personId, role: its } of before.memberships) {
    if (its !== role) continue;
    require(has.has(keyOf(groupId, personId)), () =>
      `a membership of ${role} ended, and nothing proves that it has`);
  }
}

/** Groups are of the course that the source says, as soon as that is known. */
function checkCourses(
  { integration, after }: ReadingCheck,
  groups: ReadonlyMap<string, Mapping>,
  entities: ReadonlyMap<string, Entity>,
): void {
  for (const [externalId, { internalId, missing }] of groups) {
    const course = after.mappings.find(
      (one) =>
        one.integrationId === integration.id &&
        one.type === COURSE &&
        one.externalId === `C${Number(externalId.slice(1)) % 2}`,
    );
    if (!course || missing > 0) continue;
    const { courseId } = entities.get(internalId)?.fields ?? {};
    require(courseId === course.internalId, () =>
      `group ${externalId} is not of the course that its row names`);
  }
}

/** What nobody approved takes away and changes no more than the guard allows, alone and with those before. */
export function checkGuard({ integration, type, run, before, after, memory }: ReadingCheck): void {
  const { floor, deactivatedPercent, changedPercent } = integration.policy.guard;
  const isOver = (count: number, of: number, percent: number) =>
    of > 0 && count >= floor && count * 100 > of * percent;
  const [was, is] = [byId(before.entities), byId(after.entities)];
  const ours = ({ mappings }: Snapshot) =>
    mappings.filter((one) => one.integrationId === integration.id && one.type === type);
  const mappedBefore = new Map(ours(before).map((one) => [one.internalId, one]));
  const [left, returned]: [string[], string[]] = [[], []];
  let [base, changed, ofWhom] = [0, 0, 0];
  for (const { internalId, missing } of ours(after)) {
    const [old, now] = [was.get(internalId), is.get(internalId)];
    if (!old || !now) continue;
    const before = mappedBefore.get(internalId)?.missing ?? 0;
    const [wasActive, isActive] = [old.fields.active === true, now.fields.active === true];
    // Whom another integration had long after is active, and goes only now.
    const isLate = before > 1 && missing > 0 && wasActive && !isActive;
    if ((before === 0 && wasActive) || isLate) base += 1;
    if (before === 0 && wasActive && (!isActive || missing > 0)) left.push(internalId);
    if (isLate || (before > 0 && wasActive && !isActive && missing === 0)) left.push(internalId);
    if (before > 0 ? missing === 0 && (wasActive || isActive) : !wasActive && isActive)
      returned.push(internalId);
    const isWrittenOver = Object.entries(old.fields).some(
      ([field, value]) =>
        value !== null && value !== '' && field !== 'courseId' && now.fields[field] !== value,
    );
    const isChanged = isWrittenOver || missing !== before;
    if (isChanged) changed += 1;
    if (isChanged || before === 0) ofWhom += 1;
  }
  const key = `${integration.id} ${type}`;
  const past = memory.guardSteps.get(key) ?? [];
  require(!isOver(left.length, base, deactivatedPercent), () =>
    `${left.length} of ${base} ${type}s are gone, and nobody was asked`);
  require(!isOver(changed, ofWhom, changedPercent), () =>
    `${changed} of ${ofWhom} ${type}s changed, and nobody was asked`);
  const steps = [...past, { runId: run.id, parentId: run.parentId, base, left, returned }];
  const gone = new Set<string>();
  for (const step of steps) {
    for (const id of step.returned) gone.delete(id);
    for (const id of step.left) gone.add(id);
  }
  const most = Math.max(...steps.map((step) => step.base));
  const isNone = past.length === 0 || left.length === 0;
  require(isNone || !isOver(gone.size, most, deactivatedPercent), () => {
    return `${gone.size} of ${most} ${type}s are gone by and by, and nobody was asked`;
  });
  if (left.length > 0 || returned.length > 0) memory.guardSteps.set(key, steps);
  checkEnds({ integration, type, before, after });
}

/** The same for memberships that end. */
function checkEnds({
  integration,
  type,
  before,
  after,
}: Pick<ReadingCheck, 'integration' | 'type' | 'before' | 'after'>): void {
  const { floor, deactivatedPercent } = integration.policy.guard;
  const role = type === STUDENT ? 'STUDENT' : 'TEACHER';
  if (type !== STUDENT && type !== GROUP) return;
  const key = ({ groupId, personId }: Snapshot['memberships'][number]) => `${groupId} ${personId}`;
  const has = new Set(after.memberships.map(key));
  const present = new Set(
    before.mappings
      .filter((one) => one.integrationId === integration.id && one.missing === 0)
      .map((one) => one.internalId),
  );
  const had = before.memberships.filter(
    (one) =>
      one.integrationId === integration.id &&
      one.role === role &&
      present.has(one.groupId) &&
      present.has(one.personId),
  );
  const ended = had.filter((one) => !has.has(key(one))).length;
  require(ended < floor || ended * 100 <= had.length * deactivatedPercent, () => {
    return `${ended} of ${had.length} memberships of ${role} ended, and nobody was asked`;
  });
}

/** What is taken back is as it was before the run. */
export function checkTakenBack(before: Snapshot, after: Snapshot): void {
  const [was, is] = [contentOf(before), contentOf(after)];
  const odd = is.find((line) => !was.includes(line)) ?? was.find((line) => !is.includes(line));
  require(odd === undefined, () => `after a rollback, this is not as it was: ${odd}`);
}

/** What a person edited, and the policy leaves to SmartID, no run writes over. */
export function checkEdits(
  integrations: readonly ModelIntegration[],
  before: Snapshot,
  after: Snapshot,
): void {
  const isKept = integrations.every(({ policy }) => policy.fields.STUDENT.email === 'SMARTID');
  if (!isKept) return;
  const was = byId(before.entities);
  for (const { id, type, edited, fields } of after.entities) {
    const old = was.get(id);
    if (type !== STUDENT || !old?.edited.includes('email')) continue;
    require(edited.includes('email'), () => 'an edit mark is gone');
    require(old.fields.email === fields.email, () => 'a run wrote over an edit that the policy keeps');
  }
}
