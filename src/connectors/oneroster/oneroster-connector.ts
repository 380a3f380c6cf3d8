import { ConnectorError } from '../connector-error.js';
import type {
  CourseRecord,
  GroupRecord,
  MembershipRecord,
  Pages,
  RecordIssue,
  StudentRecord,
  TeacherRecord,
} from '../external-record.js';
import { MappingEntityType } from '../mapping-entity-type.js';
import { RosterConnector } from '../roster-connector.js';
import type { ConnectionReport } from '../sis-connector.js';
import { OneRosterApi } from './oneroster-api.js';
import type { OneRosterConfig, OneRosterCredentials } from './oneroster-config.js';
import { isNotOffered } from './oneroster-error.js';
import { OneRosterFiles } from './oneroster-files.js';
import type { ListPage, OneRosterLists } from './oneroster-lists.js';
import {
  isDeleted,
  type Names,
  timeOf,
  toCourse,
  toGroup,
  toPerson,
  unknownTerms,
} from './oneroster-records.js';
import type { Enrollment, ListName, RecordOf } from './oneroster-wire.js';
import { planReading, type ReadingPlan } from './reading-plan.js';

const { COURSE, GROUP, STUDENT, TEACHER } = MappingEntityType;

type Role = 'STUDENT' | 'TEACHER';

/** With which entities the memberships of a role come. */
const TYPE_OF: Readonly<Record<Role, MappingEntityType>> = { STUDENT, TEACHER: GROUP };
const ROLE_OF: Partial<Record<MappingEntityType, Role>> = { [STUDENT]: 'STUDENT', [GROUP]: 'TEACHER' };

/** More changed enrolments than this are no changes but a new year: everything is read then. */
const MOST_CHANGES = 10_000;

/** How an entity type is read, and of its enrolments what had to be read to decide that. */
interface Reading extends ReadingPlan {
  changedEnrolments: ListPage<'enrollments'>[];
}

/** A school that gives its roster as OneRoster does: by the API, or as CSV files. It takes no attendance. */
export class OneRosterConnector extends RosterConnector<OneRosterConfig, OneRosterCredentials> {
  #lists!: OneRosterLists;
  #names: Promise<Names> | undefined;
  readonly #nameIssues: RecordIssue[] = [];
  readonly #readings = new Map<MappingEntityType, Promise<Reading>>();

  protected override async open(): Promise<void> {
    const { context, config, credentials } = this;
    const Lists = config.apiUrl ? OneRosterApi : OneRosterFiles;
    this.#lists = new Lists({ context, config, credentials });
    if (config.importPath) await context.files.folder(config.importPath);
  }

  testConnection(): Promise<ConnectionReport> {
    return this.#lists.check();
  }

  async *students(): Pages<StudentRecord> {
    yield* this.#people(STUDENT, 'students', 'student');
  }

  override async *teachers(): Pages<TeacherRecord> {
    yield* this.#people(TEACHER, 'teachers', 'teacher');
  }

  override async *courses(): Pages<CourseRecord> {
    const names = await this.#readNames();
    yield* this.#entities(COURSE, 'courses', (course) => toCourse(course, names));
  }

  override async *groups(): Pages<GroupRecord> {
    const names = await this.#readNames();
    yield* this.#entities(
      GROUP,
      'classes',
      (group) => toGroup(group, names),
      (group) => unknownTerms(names, group.terms ?? []).map((id) => termUnknown(group.sourcedId, id)),
    );
  }

  override async *memberships(role: Role): Pages<MembershipRecord> {
    const { since, changedEnrolments } = await this.#reading(TYPE_OF[role]);
    const pages = since ? changedEnrolments : this.#lists.pages('enrollments');
    const today = this.#today();
    const given = new Set<string>();
    let left = 0;
    let ended = 0;
    for await (const { rows, issues, file, declaredTotal, gap, partial } of pages) {
      const records: MembershipRecord[] = [];
      for (const row of rows) {
        const record = toMembership(row, role);
        const key = record && JSON.stringify([record.groupExternalId, record.personExternalId]);
        const isOver = hasEnded(row, today);
        if (record && isOver && partial) ended += 1;
        if (!record || !key || isOver || timeOf(row, today) === 'before' || given.has(key)) {
          left += 1;
          continue;
        }
        given.add(key);
        records.push(record);
      }
      yield { records, issues, file, gap, partial, declaredTotal: less(declaredTotal, left) };
    }
    if (ended > 0) yield { records: [], issues: [endsLater(ended)], partial: true };
  }

  async *#people(type: MappingEntityType, list: 'students' | 'teachers', role: 'student' | 'teacher') {
    const names = await this.#readNames();
    const { nationalIdTypes } = this.config;
    const how = { nationalIdTypes, names, today: this.#today() };
    yield* this.#entities(type, list, (user) => toPerson(user, role, how));
  }

  /** Pages of a list as records. `look`: what is worth a word about a row. */
  async *#entities<L extends ListName, R>(
    type: MappingEntityType,
    list: L,
    convert: (row: RecordOf<L>) => R,
    look: (row: RecordOf<L>) => RecordIssue[] = () => [],
  ) {
    const { since, cursor } = await this.#reading(type);
    const notes = this.#nameIssues.splice(0);
    if (notes.length > 0) yield { records: [], issues: notes };
    for await (const { rows, issues, file, declaredTotal, gap, partial } of this.#lists.pages(list, since)) {
      const warnings = rows.flatMap((row) => look(row).map((issue) => ({ ...issue, file, line: row.line })));
      yield {
        records: rows.map(convert),
        issues: [...issues, ...warnings],
        file,
        declaredTotal,
        gap,
        partial,
        cursor,
      };
    }
  }

  #reading(type: MappingEntityType): Promise<Reading> {
    const known = this.#readings.get(type) ?? this.#decide(type);
    this.#readings.set(type, known);
    return known;
  }

  /**
   * Changes say who is no longer in a class, but only a reading of everything can end a membership. So one
   * that should end makes this a reading of everything; and so do changes in masses.
   */
  async #decide(type: MappingEntityType): Promise<Reading> {
    const { context } = this;
    // Another client may see others, of whom nothing changed.
    const config = { ...this.config, clientId: this.credentials.clientId };
    const everything: Reading = { ...planReading(config, undefined), changedEnrolments: [] };
    if (!this.#lists.tellsChanges) return { ...everything, cursor: undefined };
    const plan = planReading(config, await context.cursor(type));
    const role = ROLE_OF[type];
    if (!plan.since || !role) return { ...plan, changedEnrolments: [] };
    const today = this.#today();
    const changedEnrolments: ListPage<'enrollments'>[] = [];
    let count = 0;
    for await (const page of this.#lists.pages('enrollments', plan.since)) {
      const ends = page.rows.some((row) => toMembership(row, role) && hasEnded(row, today));
      count += page.rows.length;
      if (ends || !page.partial || count > MOST_CHANGES) return everything;
      changedEnrolments.push(page);
    }
    return { ...plan, changedEnrolments };
  }

  /** What records refer to; it is small, and read once. A server that does not offer it is borne. */
  #readNames(): Promise<Names> {
    this.#names ??= this.#collectNames();
    return this.#names;
  }

  async #collectNames(): Promise<Names> {
    return { orgs: await this.#byId('orgs'), sessions: await this.#byId('academicSessions') };
  }

  async #byId<L extends 'orgs' | 'academicSessions'>(
    list: L,
  ): Promise<ReadonlyMap<string, RecordOf<L>> | undefined> {
    const found = new Map<string, RecordOf<L>>();
    try {
      for await (const { rows, partial } of this.#lists.pages(list)) {
        if (partial) return undefined;
        for (const row of rows) found.set(row.sourcedId, row);
      }
      return found;
    } catch (error) {
      if (!(error instanceof ConnectorError) || !isNotOffered(error)) throw error;
      this.#nameIssues.push(notOffered(list, error.message));
      // No school has a name then; terms may have been told before, and are left as they are.
      return list === 'orgs' ? found : undefined;
    }
  }

  /** The day in the school's time zone, YYYY-MM-DD. */
  #today(): string {
    return new Intl.DateTimeFormat('en-CA', { timeZone: this.context.timeZone }).format(new Date());
  }
}

/** undefined for an enrolment in another role. */
function toMembership(row: Enrollment, role: Role): MembershipRecord | undefined {
  if (row.role?.trim().toUpperCase() !== role) return undefined;
  return {
    groupExternalId: row.class?.sourcedId,
    personExternalId: row.user?.sourcedId,
    role,
    line: row.line,
  };
}

function hasEnded(row: Enrollment, today: string): boolean {
  return isDeleted(row.status) || timeOf(row, today) === 'after';
}

function less(total: number | undefined, left: number): number | undefined {
  return total === undefined ? undefined : total - left;
}

function termUnknown(group: string, term: string): RecordIssue {
  return {
    severity: 'warning',
    rule: 'term.unknown',
    problem: `class "${group}" is in the academic session "${term}", which is not there`,
    column: 'terms',
    value: term,
    hint: 'Offer the academic session too, or take it from the class.',
    externalId: group,
  };
}

function notOffered(list: string, why: string): RecordIssue {
  return {
    severity: 'warning',
    rule: 'list.not_offered',
    problem: `the names of ${list} are missing: ${why.replace(/\.$/, '')}`,
    file: list,
    hint: 'The roster comes in without them.',
  };
}

function endsLater(count: number): RecordIssue {
  return {
    severity: 'warning',
    rule: 'membership.ends_later',
    problem: `${count} ${count === 1 ? 'enrolment was' : 'enrolments were'} deleted; a file of changes cannot end memberships`,
    hint: 'They end with the next bulk files.',
  };
}
