import type { z } from 'zod';
import type { AttendanceSheet } from '../attendance-sheet.js';
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
import type { HttpClient } from '../http/index.js';
import type { MappingEntityType } from '../mapping-entity-type.js';
import { type OneEntity, RosterConnector } from '../roster-connector.js';
import type { ConnectionCheck, ConnectionReport, SendResult } from '../sis-connector.js';
import { Gateway } from './gateway.js';
import { sendAttendance } from './gateway-attendance.js';
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
import { GatewaySingles } from './gateway-singles.js';
import { baseUrlOf, type IdukayConfig, type IdukayCredentials } from './idukay-config.js';
import { TokenApi } from './token-api.js';

/** Calls a minute that IDUKAY allows for a key. */
const CALLS_A_MINUTE = 100;

/** IDUKAY, in either of its dialects. */
export class IdukayConnector extends RosterConnector<IdukayConfig, IdukayCredentials> {
  /** Exactly one of the two is there. */
  #gateway: Gateway | undefined;
  #token: TokenApi | undefined;
  #singles: GatewaySingles | undefined;

  protected override async open(): Promise<void> {
    const { apiKey, secret, institutionCode = this.config.institutionCode } = this.credentials;
    if (this.config.dialect === 'token') {
      this.#token = new TokenApi(
        this.#http({ Authorization: `Bearer ${apiKey}`, 'Content-Type': 'application/json', type: 'API' }),
      );
      return;
    }
    if (!institutionCode) {
      throw new ConnectorError(
        'credentials.institutionCode is required: the code that IDUKAY knows the institution by.',
      );
    }
    const http = this.#http({ 'X-API-Key': apiKey, ...(secret && { 'X-API-Secret': secret }) });
    this.#gateway = new Gateway(http, institutionCode, this.config.pageSize);
    this.#singles = new GatewaySingles(this.#gateway, this.context.memory);
  }

  async testConnection(): Promise<ConnectionReport> {
    if (this.#token) {
      const staff = await this.#token.count();
      return {
        success: true,
        checks: [{ name: 'staff', ok: true, message: `${staff} members of the staff.` }],
      };
    }
    const gateway = this.#requireGateway('This check');
    await gateway.validate();
    const checks: ConnectionCheck[] = [{ name: 'key', ok: true, message: 'IDUKAY accepts the API key.' }];
    for (const list of ['estudiantes', 'cursos', 'profesores', 'grupos']) {
      const total = await gateway.count(list);
      const ok = total !== undefined || ['profesores', 'grupos'].includes(list);
      const message = total === undefined ? `${list} are not offered.` : `${total} ${list}.`;
      checks.push({ name: list, ok, message, ...(total !== undefined && { details: { total } }) });
    }
    const broken = checks.filter(({ ok }) => !ok);
    if (broken.length === 0) return { success: true, checks };
    return {
      success: false,
      message: `${broken.map(({ message }) => message).join(' ')} Check institutionCode.`,
      checks,
    };
  }

  async *students(): Pages<StudentRecord> {
    if (this.#token) yield await this.#token.members('students');
    else yield* this.#pages('estudiantes', student, toStudent);
  }

  override async *teachers(): Pages<TeacherRecord> {
    if (this.#token) yield await this.#token.members('staff');
    else yield* this.#pages('profesores', teacher, toTeacher, true);
  }

  override courses(): Pages<CourseRecord> {
    return this.#pages('cursos', course, toCourse);
  }

  override groups(): Pages<GroupRecord> {
    return this.#pages('grupos', group, toGroup, true);
  }

  override async *memberships(role: 'STUDENT' | 'TEACHER'): Pages<MembershipRecord> {
    // Who teaches a group IDUKAY does not tell, and its other dialect knows no groups.
    if (role === 'TEACHER' || !this.#gateway) return;
    for await (const { rows, issues, gap } of this.#gateway.pages('grupos', group, true)) {
      const isWhole = issues.length === 0 && rows.every(({ estudiantes }) => estudiantes);
      yield {
        records: rows.flatMap(toMemberships),
        gap: isWhole ? gap : 'The students of a grupo could not be read.',
      };
    }
  }

  override async one(entityType: MappingEntityType, id: string): Promise<OneEntity | null | undefined> {
    // Idukay's own API gives whole lists, each in one call.
    return this.#singles?.one(entityType, id);
  }

  override async send(sheet: AttendanceSheet): Promise<SendResult> {
    const gateway = this.#requireGateway('Sending attendance');
    const outcomes = await sendAttendance(gateway, sheet, (list) => this.context.delivered(list));
    const errors = outcomes.flatMap(({ reason }) => reason ?? []);
    return { success: errors.length === 0, sent: outcomes.length - errors.length, errors };
  }

  async *#pages<T, R>(list: string, schema: z.ZodType<T>, convert: (row: T) => R, optional = false) {
    let given = false;
    for await (const { rows, issues, total, gap } of this.#requireGateway(`Reading ${list}`).pages(
      list,
      schema,
      optional,
    )) {
      given = true;
      yield { records: rows.map(convert), issues, file: list, declaredTotal: total, gap };
    }
    if (!given) yield { records: [], issues: [notOffered(list)] };
  }

  #requireGateway(what: string): Gateway {
    if (this.#gateway) return this.#gateway;
    throw new ConnectorError(`${what} is not possible in the token dialect of IDUKAY.`);
  }

  #http(headers: Record<string, string>): HttpClient {
    const { timeout, retryAttempts, retryDelay } = this.config;
    return this.context.http({
      system: 'IDUKAY',
      baseUrl: baseUrlOf(this.config),
      timeoutMs: timeout,
      headers,
      retries: retryAttempts,
      retryDelayMs: retryDelay,
      perMinute: CALLS_A_MINUTE,
      concurrency: 1,
    });
  }
}

function notOffered(list: string): RecordIssue {
  return {
    severity: 'warning',
    rule: 'list.not_offered',
    problem: `IDUKAY does not offer ${list} for this institution`,
    file: list,
    hint: 'Ask IDUKAY to offer them, or bring them in another way.',
  };
}
