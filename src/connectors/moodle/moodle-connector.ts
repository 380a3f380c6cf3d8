import type { AttendanceSheet } from '../attendance-sheet.js';
import type {
  CourseRecord,
  GroupRecord,
  MembershipRecord,
  Pages,
  StudentRecord,
  TeacherRecord,
} from '../external-record.js';
import { MappingEntityType } from '../mapping-entity-type.js';
import { type OneEntity, RosterConnector } from '../roster-connector.js';
import type { ConnectionReport, SendResult } from '../sis-connector.js';
import type { Role } from './gathered-people.js';
import { SENDING_AT_ONCE, sendAttendance } from './moodle-attendance.js';
import { checkConnection } from './moodle-check.js';
import { MoodleClient } from './moodle-client.js';
import type { MoodleConfig, MoodleCredentials } from './moodle-config.js';
import { MoodleMemory } from './moodle-memory.js';
import { toCourse, toGroup, toMembership, toPerson } from './moodle-records.js';
import { MoodleRoster } from './moodle-roster.js';
import { MoodleSingles } from './moodle-singles.js';
import { notesOn } from './people-notes.js';

const PAGE = 500;

/**
 * A Moodle site with its web services: courses, groups and people come from it, attendance goes into
 * mod_attendance.
 */
export class MoodleConnector extends RosterConnector<MoodleConfig, MoodleCredentials> {
  #client!: MoodleClient;
  #memory!: MoodleMemory;
  #roster!: MoodleRoster;
  #singles!: MoodleSingles;

  protected override async open(): Promise<void> {
    const { context, config, credentials } = this;
    this.#client = new MoodleClient({ context, config, credentials, concurrency: config.concurrency });
    this.#memory = new MoodleMemory({ memory: context.memory, apiUrl: config.apiUrl });
    this.#roster = new MoodleRoster({ client: this.#client, config, memory: this.#memory });
    this.#singles = new MoodleSingles({ client: this.#client, config, roster: this.#roster });
  }

  async testConnection(): Promise<ConnectionReport> {
    return checkConnection({
      client: this.#client,
      roster: this.#roster,
      config: this.config,
      memory: this.#memory,
    });
  }

  override async *courses(): Pages<CourseRecord> {
    const records = (await this.#roster.courses()).map(toCourse);
    yield { records, gap: this.#roster.coursesGap };
  }

  override async *groups(): Pages<GroupRecord> {
    const { groups, issues, gap, groupsGap } = await this.#roster.enrolments();
    yield { records: [], issues, gap: gap ?? groupsGap };
    for (const page of inPages(groups)) yield page.map(toGroup);
  }

  students(): Pages<StudentRecord> {
    return this.#people('STUDENT');
  }

  override teachers(): Pages<TeacherRecord> {
    return this.#people('TEACHER');
  }

  override async *memberships(role: Role): Pages<MembershipRecord> {
    const { memberships, groupsGap } = await this.#roster.enrolments();
    if (groupsGap) yield { records: [], gap: groupsGap };
    for (const page of inPages(memberships.filter((membership) => membership.role === role)))
      yield page.map(toMembership);
  }

  override async one(entityType: MappingEntityType, id: string): Promise<OneEntity | null | undefined> {
    switch (entityType) {
      case MappingEntityType.COURSE:
        return this.#singles.course(id);
      case MappingEntityType.STUDENT:
      case MappingEntityType.TEACHER:
        return this.#singles.person(entityType, id);
      case MappingEntityType.GROUP:
        // Groups are told with their people alone.
        return undefined;
    }
  }

  override async send(sheet: AttendanceSheet): Promise<SendResult> {
    const { context, config, credentials } = this;
    const client = new MoodleClient({ context, config, credentials, concurrency: SENDING_AT_ONCE });
    const { outcomes, warnings } = await sendAttendance({
      client,
      memory: this.#memory,
      config,
      sheet,
      context,
    });
    const failed = outcomes.filter(({ status }) => status === 'FAILED');
    return {
      success: failed.length === 0,
      sent: outcomes.length - failed.length,
      errors: failed.flatMap(({ reason }) => reason ?? []),
      ...(warnings.length > 0 && { warnings }),
    };
  }

  async *#people(role: Role): Pages<StudentRecord> {
    const people = await this.#roster.people(role);
    const { issues, gap } = await this.#roster.enrolments();
    yield { records: [], issues: [...issues, ...notesOn(people, role)], gap };
    for (const page of inPages(people)) yield page.map(toPerson);
  }
}

function* inPages<T>(list: readonly T[]): Generator<T[]> {
  for (let start = 0; start < list.length; start += PAGE) yield list.slice(start, start + PAGE);
}
