import { z } from 'zod';
import {
  type AttendanceSheet,
  type ConnectorDefinition,
  ConnectorError,
  type CourseRecord,
  MappingEntityType,
  RosterConnector,
  type SendResult,
  type StudentRecord,
  webAddress,
} from '../../src/connectors/index.js';

const config = z.strictObject({
  apiUrl: webAddress('the address of Acme School').meta({ description: 'Address of Acme School.' }),
  timeout: z.int().min(100).default(30_000).meta({ description: 'Milliseconds that one call may take.' }),
  pageSize: z.int().min(1).max(500).default(200).meta({ description: 'Records asked for in one call.' }),
});
const credentials = z.strictObject({
  apiKey: z.string().min(1).meta({ description: 'Key of the school, from Settings → API.' }),
});
type Config = z.infer<typeof config>;
type Credentials = z.infer<typeof credentials>;

/** What Acme answers: a page of a list, and how many records the whole list has. */
const page = z.object({ items: z.array(z.looseObject({ id: z.string() })), total: z.int() });
type Item = z.infer<typeof page>['items'][number];

/** Acme School: a made-up school system, and all that a connector needs. */
export class AcmeConnector extends RosterConnector<Config, Credentials> {
  async testConnection() {
    const { total } = await this.#page('students', 0, 1);
    return { success: true, checks: [{ name: 'students', ok: true, message: `${total} students.` }] };
  }

  async *students() {
    for await (const items of this.#pages('students')) yield items.map(toStudent);
  }

  override async *courses() {
    for await (const items of this.#pages('courses')) yield items.map(toCourse);
  }

  override async send(sheet: AttendanceSheet): Promise<SendResult> {
    const marks = sheet.rows.map(({ externalId, status }) => ({ student: externalId, status }));
    // The session's id makes it safe to send twice: Acme keeps one mark for each student of a session.
    await this.#call({
      method: 'PUT',
      path: `/api/sessions/${sheet.sessionId}`,
      json: { date: sheet.date, marks },
    });
    await this.context.delivered(sheet.rows.map(({ studentId }) => ({ studentId, status: 'SENT' })));
    return { success: true, sent: marks.length, errors: [] };
  }

  /** All pages of a list. Less than Acme declares, or a record twice, is an error and no shorter list. */
  async *#pages(list: string): AsyncGenerator<Item[]> {
    const seen = new Set<string>();
    let total = 1;
    while (seen.size < total) {
      const answer = await this.#page(list, seen.size, this.config.pageSize);
      total = answer.total;
      for (const { id } of answer.items) {
        if (seen.has(id))
          throw new ConnectorError(`Acme gave ${list} "${id}" twice. Nothing was changed; sync again.`);
        seen.add(id);
      }
      if (answer.items.length === 0 && seen.size < total) {
        throw new ConnectorError(
          `Acme declares ${total} ${list} and gave ${seen.size}. Nothing was changed; sync again.`,
        );
      }
      yield answer.items;
    }
  }

  async #page(list: string, offset: number, limit: number) {
    const parsed = page.safeParse(await this.#call({ path: `/api/${list}`, query: { offset, limit } }));
    if (parsed.success) return parsed.data;
    throw new ConnectorError(`Acme answered ${list} with no page of it. Is config.apiUrl right?`);
  }

  async #call(request: Parameters<ReturnType<typeof this.context.http>['send']>[0]): Promise<unknown> {
    const http = this.context.http({
      system: 'Acme',
      baseUrl: this.config.apiUrl,
      timeoutMs: this.config.timeout,
      headers: { 'X-Acme-Key': this.credentials.apiKey },
    });
    return (await http.send(request)).json();
  }
}

const textOf = (value: unknown) => (typeof value === 'string' ? value : null);

function toStudent({ id, given, family, email, active }: Item): StudentRecord {
  return {
    externalId: id,
    givenName: textOf(given),
    familyName: textOf(family),
    email: textOf(email),
    active: active !== false,
  };
}

function toCourse({ id, title }: Item): CourseRecord {
  return { externalId: id, name: textOf(title) };
}

/** Goes into the registry, for the value that IntegrationProvider has for it. */
export const acme: ConnectorDefinition = {
  provider: 'ACME',
  title: 'Acme School',
  config,
  credentials,
  capabilities: { entityTypes: [MappingEntityType.COURSE, MappingEntityType.STUDENT], sendsAttendance: true },
  create: (context) => new AcmeConnector(context),
};
