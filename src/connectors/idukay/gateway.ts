import { z } from 'zod';
import { ConnectorError } from '../connector-error.js';
import type { RecordIssue } from '../external-record.js';
import { type HttpClient, HttpFailure } from '../http/index.js';
import { explain, wordsOf } from './idukay-error.js';

const envelope = z.object({
  success: z.boolean(),
  data: z.array(z.unknown()).optional(),
  total: z.int().nonnegative().optional(),
  page: z.int().optional(),
  per_page: z.int().positive().optional(),
});

const sent = z.object({
  success: z.boolean(),
  procesadas: z.int().nonnegative().default(0),
  errores: z.array(z.object({ estudiante_id: z.coerce.string(), error: z.string().default('') })).default([]),
});
export type SentBatch = z.infer<typeof sent>;

const single = z.object({ success: z.boolean(), data: z.unknown() });

/** A page of a list. */
export interface GatewayPage<T> {
  rows: T[];
  /** Records that are none. */
  issues: RecordIssue[];
  /** How many records IDUKAY says the list has. */
  total: number;
  /** Why the list was not read whole, in a sentence. */
  gap?: string | undefined;
}

/** Records asked for at once by whoever only looks who is there; the most that IDUKAY gives. */
const LOOK_SIZE = 1_000;

/** SmartID's own contract with IDUKAY: an API key, pages with a declared total. */
export class Gateway {
  constructor(
    private readonly http: HttpClient,
    private readonly institution: string,
    private readonly pageSize: number,
  ) {}

  /** Throws ConnectorError when the key is refused, or IDUKAY is not well. */
  async validate(): Promise<void> {
    for (const path of ['/auth/validate', '/health']) requireSuccess(path, await this.#get(path));
  }

  /** How many records a list has; undefined when it is not offered. */
  async count(list: string): Promise<number | undefined> {
    try {
      return (await this.#page(list, 1, 1)).total;
    } catch (error) {
      if (isNotOffered(error)) return undefined;
      throw explain(error);
    }
  }

  /**
   * The pages of a list. What was read is held against the total that IDUKAY declares: a list that repeats
   * itself or ends early is an error, not a shorter list. Who is deleted meanwhile draws another over the edge of a
   * page, and the total is right all the same: so who is there is looked at once more, in large pages. `optional`:
   * yields nothing when the list is not offered.
   */
  async *pages<T>(list: string, schema: z.ZodType<T>, optional = false): AsyncGenerator<GatewayPage<T>> {
    const ids = new Set<string>();
    let declared: number | undefined;
    let hasMoved = false;
    let read = 0;
    for (let page = 1; ; page += 1) {
      const answer = await this.#page(list, page, this.pageSize).catch((error: unknown) => {
        if (optional && page === 1 && isNotOffered(error)) return undefined;
        throw explain(error);
      });
      if (!answer) return;
      const { total, perPage } = answer;
      if (answer.page !== page) {
        throw new ConnectorError(
          `IDUKAY answered page ${answer.page} of ${list} when page ${page} was asked for. Nothing was changed.`,
        );
      }
      const parsed = answer.data.map((row) => schema.safeParse(row));
      yield {
        rows: parsed.flatMap(({ data }) => (data === undefined ? [] : [data])),
        issues: parsed.flatMap(({ success }, i) => (success ? [] : [unreadable(list, read + i + 1)])),
        total,
      };
      read += parsed.length;
      for (const row of answer.data) ids.add(idOf(row));
      hasMoved ||= total !== (declared ?? total);
      declared = total;
      const last = page * perPage >= total;
      if (last && read === total) {
        hasMoved ||= page > 1 && !(await this.#hasAlone(list, ids));
        if (hasMoved)
          yield { rows: [], issues: [], total, gap: `The list of ${list} changed while it was read.` };
        return;
      }
      if (last || parsed.length !== perPage) {
        throw new ConnectorError(
          `IDUKAY declares ${total} ${list} and gave ${read} up to page ${page}: the list is not whole, or changed while it was read. Nothing was changed; sync again.`,
        );
      }
    }
  }

  /**
   * One record of a list; null when IDUKAY has none of this id. 404 says so only where IDUKAY gives single records of
   * the list at all: undefined otherwise, when nobody can tell. `isOffered`: whether it ever gave one.
   */
  async one<T>(
    list: string,
    id: string,
    schema: z.ZodType<T>,
    isOffered: () => Promise<boolean>,
  ): Promise<T | null | undefined> {
    const path = `/instituciones/${encodeURIComponent(this.institution)}/${list}/${encodeURIComponent(id)}`;
    const answer = await this.http.send({ path }).catch(async (error: unknown) => {
      if (!isNotOffered(error)) throw explain(error);
      // Where the list is not there either, nothing is said of one record.
      const tells = (await isOffered()) && (await this.count(list)) !== undefined;
      return tells ? null : undefined;
    });
    if (!answer) return answer;
    const body = answer.json();
    requireSuccess(path, body);
    const parsed = schema.safeParse(readBody(single, body, path).data);
    if (parsed.success) return parsed.data;
    throw new ConnectorError(`IDUKAY answered ${path} with a record that is not what it documents.`);
  }

  /** Sends up to 100 rows. It is not repeated when it may have arrived. */
  async send(rows: readonly object[]): Promise<SentBatch> {
    const path = '/asistencias';
    const body = await this.http
      .send({ method: 'POST', path, json: { institucion_codigo: this.institution, asistencias: rows } })
      .then((answer) => answer.json())
      .catch((error: unknown) => {
        throw explain(error);
      });
    const batch = readBody(sent, body, path);
    if (!batch.success && batch.errores.length === 0) requireSuccess(path, body);
    return batch;
  }

  /** Whether the list has these records and no others. */
  async #hasAlone(list: string, ids: ReadonlySet<string>): Promise<boolean> {
    const found =
      this.pageSize < LOOK_SIZE
        ? ((await this.#idsOf(list, LOOK_SIZE)) ?? (await this.#idsOf(list, this.pageSize)))
        : await this.#idsOf(list, this.pageSize);
    return found?.size === ids.size && [...found].every((id) => ids.has(id));
  }

  /** Ids of all records; undefined when pages of this size are not given. */
  async #idsOf(list: string, size: number): Promise<Set<string> | undefined> {
    const ids = new Set<string>();
    for (let page = 1; ; page += 1) {
      const answer = await this.#page(list, page, size).catch((error: unknown) => {
        if (isRefused(error) && size !== this.pageSize) return undefined;
        throw explain(error);
      });
      if (!answer) return undefined;
      const { data, total, perPage } = answer;
      if (data.length !== Math.max(0, Math.min(perPage, total - (page - 1) * perPage))) return undefined;
      for (const row of data) ids.add(idOf(row));
      if (page * perPage >= total) return ids;
    }
  }

  async #page(list: string, page: number, size: number) {
    const path = `/instituciones/${encodeURIComponent(this.institution)}/${list}`;
    const answer = await this.http.send({ path, query: { page, per_page: size } });
    const body = answer.json();
    requireSuccess(path, body);
    const { data, total, page: given = page, per_page: perPage = size } = readBody(envelope, body, path);
    if (!data || total === undefined)
      throw new ConnectorError(`IDUKAY answered ${path} without data or total.`);
    return { data, total, page: given, perPage };
  }

  async #get(path: string): Promise<unknown> {
    const answer = await this.http.send({ path }).catch((error: unknown) => {
      throw explain(error);
    });
    return answer.json();
  }
}

/** What tells a record from the others; one without an id, all that it says. */
function idOf(row: unknown): string {
  const { id } = (row ?? {}) as { id?: unknown };
  return id === undefined || id === null ? `\0${JSON.stringify(row)}` : String(id);
}

/** IDUKAY does not take what it was asked. */
function isRefused(error: unknown): boolean {
  return error instanceof HttpFailure && [400, 422].includes(error.answer?.status ?? 0);
}

/** 404 is how IDUKAY says that a list is not part of its offer. */
function isNotOffered(error: unknown): boolean {
  return error instanceof HttpFailure && error.answer?.status === 404;
}

/** A failure may come with status 200. */
function requireSuccess(path: string, body: unknown): void {
  const { success } = readBody(z.object({ success: z.boolean() }), body, path);
  if (success) return;
  throw new ConnectorError(
    `IDUKAY reports that ${path} failed (${wordsOf(body) || 'it gives no reason'}). Try again, or ask IDUKAY.`,
  );
}

function readBody<T>(schema: z.ZodType<T>, body: unknown, path: string): T {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new ConnectorError(
    `IDUKAY answered ${path} with something else than expected (${issue?.path.join('.') || 'body'}: ${issue?.message}).`,
  );
}

/** A bad record does not stop the good ones. */
export function unreadable(list: string, number: number): RecordIssue {
  return {
    severity: 'error',
    rule: 'record.unreadable',
    problem: `record ${number} is not what IDUKAY documents`,
    file: list,
    hint: 'Look at it in IDUKAY, or ask them.',
  };
}
