import type { z } from 'zod';
import type { ConnectorMemory } from '../connector-memory.js';
import type {
  CourseRecord,
  GroupRecord,
  MembershipRecord,
  StudentRecord,
  TeacherRecord,
} from '../external-record.js';
import { MappingEntityType } from '../mapping-entity-type.js';
import type { OneEntity } from '../roster-connector.js';
import type { Gateway } from './gateway.js';
import {
  course,
  group,
  student,
  teacher,
  toCourse,
  toGroup,
  toMemberships,
  toStudent,
  toTeacher,
} from './gateway-records.js';

const { COURSE, GROUP, STUDENT, TEACHER } = MappingEntityType;
/** The lists of which IDUKAY gave single records. */
const TOPIC = 'lists with single records';

/** Where the records of an entity type are, and what they are here. */
interface Kind {
  list: string;
  read(
    ask: <T>(schema: z.ZodType<T>) => Promise<T | null | undefined>,
  ): Promise<OneEntity['record'] | null | undefined>;
}

const kind = <T>(
  list: string,
  schema: z.ZodType<T>,
  convert: (row: T) => StudentRecord | TeacherRecord | CourseRecord | GroupRecord,
): Kind => ({
  list,
  async read(ask) {
    const row = await ask(schema);
    return row ? convert(row) : (row as null | undefined);
  },
});

const KINDS: Readonly<Record<MappingEntityType, Kind>> = {
  [STUDENT]: kind('estudiantes', student, toStudent),
  [COURSE]: kind('cursos', course, toCourse),
  [TEACHER]: kind('profesores', teacher, toTeacher),
  [GROUP]: kind('grupos', group, toGroup),
};

/** Reads single records of the gateway, an extension that not every IDUKAY has. */
export class GatewaySingles {
  readonly #gateway: Gateway;
  readonly #memory: ConnectorMemory;
  #memberships: Promise<MembershipRecord[]> | undefined;

  constructor(gateway: Gateway, memory: ConnectorMemory) {
    this.#gateway = gateway;
    this.#memory = memory;
  }

  /** See `RosterConnector.one`. */
  async one(entityType: MappingEntityType, externalId: string): Promise<OneEntity | null | undefined> {
    const { list, read } = KINDS[entityType];
    const isKnown = async () => (await this.#memory.recall(TOPIC, [list])).has(list);
    const record = await read((schema) => this.#gateway.one(list, externalId, schema, isKnown));
    if (!record) return record;
    if (!(await isKnown())) await this.#memory.remember(TOPIC, new Map([[list, true]]));
    if (entityType !== STUDENT) return { record };
    const memberships = await this.#allMemberships();
    return {
      record,
      memberships: memberships.filter(({ personExternalId }) => personExternalId === externalId),
    };
  }

  /** Who is in which group is told by the groups alone: a short list, which is read once for all. */
  #allMemberships(): Promise<MembershipRecord[]> {
    this.#memberships ??= (async () => {
      const found: MembershipRecord[] = [];
      for await (const { rows } of this.#gateway.pages('grupos', group, true))
        found.push(...rows.flatMap(toMemberships));
      return found;
    })();
    return this.#memberships;
  }
}
