import type { AttendanceSheet } from '../attendance-sheet.js';
import type {
  CourseRecord,
  GroupRecord,
  MembershipRecord,
  Pages,
  RecordIssue,
  StudentRecord,
  TeacherRecord,
} from '../external-record.js';
import { RosterConnector } from '../roster-connector.js';
import type { ConnectionReport, SendResult } from '../sis-connector.js';
import { SENDING_AT_ONCE, sendAttendance } from './moodle-attendance.js';
import { checkConnection } from './moodle-check.js';
import { MoodleClient } from './moodle-client.js';
import type { MoodleConfig, MoodleCredentials } from './moodle-config.js';
import { toCourse, toGroup, toMembership, toPerson } from './moodle-records.js';
import { MoodleRoster, type Role } from './moodle-roster.js';

const PAGE = 500;

/**
 * A Moodle site with its web services: courses, groups and people come from it, attendance goes into
 * mod_attendance.
 */
export class MoodleConnector extends RosterConnector<MoodleConfig, MoodleCredentials> {
  #client!: MoodleClient;
  #roster!: MoodleRoster;

  protected override async open(): Promise<void> {
    const { context, config, credentials } = this;
    this.#client = new MoodleClient({ context, config, credentials, concurrency: config.concurrency });
    this.#roster = new MoodleRoster({ client: this.#client, config });
  }

  async testConnection(): Promise<ConnectionReport> {
    return checkConnection({ client: this.#client, roster: this.#roster, config: this.config });
  }

  override async *courses(): Pages<CourseRecord> {
    const records = (await this.#roster.courses()).map(toCourse);
    yield { records, gap: this.#roster.coursesGap };
  }

  override async *groups(): Pages<GroupRecord> {
    const { groups, issues, gap } = await this.#roster.enrolments();
    yield { records: [], issues, gap };
    for (const page of inPages(groups)) yield page.map(toGroup);
  }

  students(): Pages<StudentRecord> {
    return this.#people('STUDENT');
  }

  override teachers(): Pages<TeacherRecord> {
    return this.#people('TEACHER');
  }

  override async *memberships(role: Role): Pages<MembershipRecord> {
    const { memberships } = await this.#roster.enrolments();
    for (const page of inPages(memberships.filter((membership) => membership.role === role)))
      yield page.map(toMembership);
  }

  override async send(sheet: AttendanceSheet): Promise<SendResult> {
    const { context, config, credentials } = this;
    const client = new MoodleClient({ context, config, credentials, concurrency: SENDING_AT_ONCE });
    const outcomes = await sendAttendance({ client, config, sheet, context });
    const errors = outcomes.flatMap(({ reason }) => reason ?? []);
    return { success: errors.length === 0, sent: outcomes.length - errors.length, errors };
  }

  async *#people(role: Role): Pages<StudentRecord> {
    const { issues, gap } = await this.#roster.enrolments();
    if (gap) yield { records: [], gap };
    const notes: RecordIssue[] = [...issues];
    let asked = false;
    for await (const page of this.#roster.people(role)) {
      if (!asked && page.every(({ suspended }) => suspended === undefined)) notes.push(SUSPENSION_UNKNOWN);
      asked = true;
      yield {
        records: page.map(({ person, suspended }) => toPerson(person, suspended)),
        issues: notes.splice(0),
      };
    }
    if (notes.length > 0) yield { records: [], issues: notes };
  }
}

const SUSPENSION_UNKNOWN: RecordIssue = {
  severity: 'warning',
  rule: 'suspension.unknown',
  problem: 'Moodle does not say which accounts are suspended; all count as active',
  hint: 'Add core_user_get_users_by_field to the web service, and moodle/user:viewdetails to the role.',
};

function* inPages<T>(list: readonly T[]): Generator<T[]> {
  for (let start = 0; start < list.length; start += PAGE) yield list.slice(start, start + PAGE);
}
