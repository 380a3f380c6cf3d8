import { MappingEntityType } from '../../../src/index.js';
import type { ModelSchool } from './school.js';
import { PEOPLE, type StudentRow, studentId } from './school-system.js';
import type { Conflict, Entity, Snapshot } from './snapshot.js';
import type { Step } from './step.js';

const { STUDENT } = MappingEntityType;

/** Whom a run took away and brought back, of how many: a step towards what the guard adds up. */
export interface GuardStep {
  runId: string;
  parentId: string | null;
  base: number;
  left: readonly string[];
  returned: readonly string[];
}

/** Which person of the world somebody is, by what the roster says of them; -1 where that does not tell. */
export const personByName = ({ fields }: Entity) =>
  PEOPLE.findIndex(({ familyName }) => familyName === fields.familyName);
export const personById = ({ fields }: Entity) =>
  PEOPLE.findIndex(({ nationalId }) => nationalId === fields.nationalId);
export const personByMail = ({ fields }: Entity) =>
  Number(/^p(\d+)\./.exec(String(fields.email ?? ''))?.[1] ?? -1);
const personOf = (entity: Entity | undefined) =>
  entity ? Math.max(personByName(entity), personById(entity)) : -1;

/** What a history has told so far that the roster does not show, and that excuses what else would be wrong. */
export class Memory {
  /** People who may rightly be in the roster more than once: somebody said so, or nothing told them apart. */
  readonly manyfold = new Set<number>();
  /** Entities that a person made somebody else. */
  readonly altered = new Set<string>();
  /** Entities that two integrations write, each over the other. */
  readonly shared = new Set<string>();
  /** Ids of rows about which a person decided. */
  readonly decided = new Set<string>();
  /** By integration and entity type, since a person approved a plan there. */
  readonly guardSteps = new Map<string, GuardStep[]>();
  /** The run that alone changed the roster in the latest step, and how all stood before it. */
  lastRun: { id: string; before: Snapshot } | undefined;

  /** Takes in what a school system holds by now. */
  noteRows(rows: readonly (StudentRow | null)[]): void {
    const seen = new Set<number>();
    for (const row of rows) {
      if (!row) continue;
      if (row.rut !== 'own' || seen.has(row.person)) this.manyfold.add(row.person);
      seen.add(row.person);
    }
  }

  /** Takes in what there is before the first step. */
  noteStart(school: ModelSchool, now: Snapshot): void {
    for (const { state } of school.integrations) this.noteRows(state.students);
    this.#noteShared(now);
  }

  /** Takes in what a step did that a person is to answer for. */
  noteStep(step: Step, school: ModelSchool, before: Snapshot, after: Snapshot): void {
    for (const { state } of school.integrations) this.noteRows(state.students);
    this.#noteShared(after);
    if ('trouble' in step && step.trouble?.kind === 'deleted') this.#noteWritten(before, after);
    if (step.do === 'decide' || step.do === 'decide all') this.#noteDecisions(school, before, after);
    if (step.do === 'merge') this.#noteMerges(before, after);
  }

  #noteShared({ mappings }: Snapshot): void {
    const owners = new Map<string, string>();
    for (const { internalId, integrationId } of mappings) {
      const other = owners.get(internalId);
      if (other !== undefined && other !== integrationId) this.shared.add(internalId);
      owners.set(internalId, integrationId);
    }
  }

  /** What an integration wrote that was deleted at once: its mappings were never seen. */
  #noteWritten(before: Snapshot, after: Snapshot): void {
    for (const { id, fields } of after.entities) {
      const was = before.entities.find((one) => one.id === id);
      if (was && JSON.stringify(was.fields) !== JSON.stringify(fields)) this.shared.add(id);
    }
  }

  #noteDecisions(school: ModelSchool, before: Snapshot, after: Snapshot): void {
    for (const conflict of after.conflicts) {
      const was = before.conflicts.find(({ id }) => id === conflict.id);
      if (conflict.resolution === null || was?.resolution === conflict.resolution) continue;
      this.decided.add(`${conflict.integrationId} ${conflict.externalId}`);
      const people = this.#peopleOf(conflict, school, after);
      if (conflict.resolution === 'CREATE') for (const { person } of people) this.manyfold.add(person);
      if (conflict.resolution !== 'LINK' || new Set(people.map(({ person }) => person)).size === 1) continue;
      for (const { person, entity } of people) {
        this.manyfold.add(person);
        if (entity) this.altered.add(entity.id);
      }
    }
  }

  /** The person of a conflict's row, and those it may be. */
  #peopleOf(conflict: Conflict, school: ModelSchool, { entities }: Snapshot) {
    const integration = school.integrations.find(({ id }) => id === conflict.integrationId);
    const slot =
      integration?.state.students.findIndex((_, at) => studentId(at) === conflict.externalId) ?? -1;
    const row = integration?.state.students[slot];
    const candidates = conflict.candidates.map(({ internalId }) => {
      const entity = entities.find(({ id }) => id === internalId);
      return { entity, person: personOf(entity) };
    });
    return [{ entity: undefined, person: row?.person ?? -1 }, ...candidates];
  }

  #noteMerges(before: Snapshot, after: Snapshot): void {
    for (const { id, type, mergedInto } of after.entities) {
      const was = before.entities.find((one) => one.id === id);
      if (type !== STUDENT || !mergedInto || was?.mergedInto === mergedInto) continue;
      const kept = after.entities.find((one) => one.id === mergedInto);
      this.manyfold.add(personOf(was)).add(personOf(kept));
      this.altered.add(mergedInto);
    }
  }
}
