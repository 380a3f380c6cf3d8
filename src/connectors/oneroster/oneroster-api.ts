import { ConnectorError } from '../connector-error.js';
import type { RecordIssue } from '../external-record.js';
import { type HttpAnswer, type HttpClient, OAuth2Client } from '../http/index.js';
import type { ConnectionCheck, ConnectionReport, ConnectorContext } from '../sis-connector.js';
import type { OneRosterConfig, OneRosterCredentials } from './oneroster-config.js';
import { explain, isNotOffered, isRefusedQuery, wordsOf } from './oneroster-error.js';
import { type ListPage, type OneRosterLists, unreadable } from './oneroster-lists.js';
import { Pager, type Query } from './oneroster-paging.js';
import { isDeleted } from './oneroster-records.js';
import { LISTS, type ListName, type RecordOf } from './oneroster-wire.js';

const SCOPES = {
  '1.1': 'https://purl.imsglobal.org/spec/or/v1p1/scope/roster-core.readonly',
  '1.2': 'https://purl.imsglobal.org/spec/or/v1p2/scope/roster-core.readonly',
} as const;

/** Lists come under their own names, people under this one. */
const KEYS: Partial<Record<ListName, string>> = { students: 'users', teachers: 'users' };

/** More than any school has; the ids of a list are kept in memory while it is read. */
const MOST_ROWS = 1_000_000;

/** Without these there is no roster; the others add names to it. */
const NEEDED: readonly ListName[] = ['courses', 'classes', 'students', 'teachers', 'enrollments'];

/** The lists of a school by the REST API of OneRoster 1.1 or 1.2. */
export class OneRosterApi implements OneRosterLists {
  readonly tellsChanges = true;
  readonly #api: HttpClient;
  readonly #client: OAuth2Client;
  readonly #config: OneRosterConfig;

  constructor({
    context,
    config,
    credentials,
  }: { context: ConnectorContext; config: OneRosterConfig; credentials: OneRosterCredentials }) {
    const { clientId, clientSecret } = credentials;
    if (!clientId || !clientSecret) {
      throw new ConnectorError(
        'credentials.clientId and credentials.clientSecret are required: the client that the school system made for this API.',
      );
    }
    const { apiUrl = '', tokenUrl = '', timeout: timeoutMs } = config;
    this.#config = config;
    this.#api = context.http({ system: 'OneRoster', baseUrl: apiUrl, timeoutMs });
    this.#client = new OAuth2Client({
      http: (options) => context.http(options),
      api: this.#api,
      system: 'OneRoster',
      tokenUrl,
      clientId,
      clientSecret,
      scope: config.scope ?? SCOPES[config.version],
      authentication: config.tokenAuthentication,
      timeoutMs,
    });
  }

  async *pages<L extends ListName>(list: L, since?: Date): AsyncGenerator<ListPage<L>> {
    if (since === undefined) return yield* this.#read(list, {}, false);
    const pages = this.#read(list, { filter: `dateLastModified>='${since.toISOString()}'` }, true);
    // Only the first answer shows whether the filter is understood: then nothing was given yet.
    const first = await pages.next().catch((error: unknown) => {
      if (isRefusedQuery(error)) return undefined;
      throw error;
    });
    if (!first) return yield* this.#read(list, {}, false);
    if (first.done) return;
    yield first.value;
    yield* pages;
  }

  async check(): Promise<ConnectionReport> {
    const checks: ConnectionCheck[] = [];
    for (const list of Object.keys(LISTS) as ListName[]) checks.push(await this.#probe(list));
    const broken = checks.filter(({ name, ok }) => !ok && NEEDED.includes(name as ListName));
    if (broken.length === 0) return { success: true, checks };
    return { success: false, message: broken.map((check) => check.message).join(' '), checks };
  }

  async #probe(name: ListName): Promise<ConnectionCheck> {
    try {
      const answer = await this.#get(name, { limit: '1', offset: '0' });
      const rows = this.#rowsOf(name, answer);
      const total = totalOf(answer);
      const message =
        total === undefined
          ? `${name} can be read${rows.length === 0 ? '; there are none' : ''}.`
          : `${total} ${name}.`;
      return { name, ok: true, message, ...(total !== undefined && { details: { total } }) };
    } catch (error) {
      // A client that is refused is refused for every list: once is enough.
      if (!(error instanceof ConnectorError) || !isNotOffered(error)) throw error;
      return { name, ok: false, message: error.message };
    }
  }

  /** A list to its end. `partial`: whether `filter` leaves some of it out. */
  async *#read<L extends ListName>(list: L, filter: Query, partial: boolean): AsyncGenerator<ListPage<L>> {
    const pager = new Pager(this.#config.pageSize, filter);
    const deleted = new Set<string>();
    let received = 0;
    while (pager.query) {
      const answer = await this.#get(list, pager.query);
      const rows = this.#rowsOf(list, answer);
      const { fresh, hasMoved, isLost } = pager.turn({
        ids: rows.map(idOf),
        total: totalOf(answer),
        next: nextOf(answer),
      });
      if (isLost) throw goesInCircles(list);
      const page = toPage(list, takeRows(rows, fresh, deleted), received);
      const gap = hasMoved ? `The list of ${list} changed while it was read.` : undefined;
      yield { ...page, partial, declaredTotal: pager.total, gap };
      received += fresh.length;
      if (received > MOST_ROWS) throw endless(list);
    }
  }

  async #get(list: ListName, query: Query): Promise<HttpAnswer> {
    return this.#client.send({ path: `/${list}`, query }).catch((error: unknown) => {
      throw explain(error, list);
    });
  }

  #rowsOf(list: ListName, answer: HttpAnswer): unknown[] {
    const body = answer.json() as Record<string, unknown> | null;
    const rows = body?.[KEYS[list] ?? list] ?? body?.[list];
    if (Array.isArray(rows)) return rows;
    // Some report failures under a status of success.
    const words = wordsOf(answer);
    if (words) {
      throw new ConnectorError(
        `OneRoster reports that ${list} cannot be read (${this.#client.strike(words)}). Try again, or ask the operator of the school system.`,
      );
    }
    throw new ConnectorError(
      `OneRoster answered /${list} without "${KEYS[list] ?? list}". Is config.apiUrl the address that the lists are below?`,
    );
  }
}

/** Rows without an id are told apart by all that they say. */
function idOf(row: unknown): string {
  const { sourcedId } = (row ?? {}) as { sourcedId?: unknown };
  return sourcedId ? String(sourcedId) : `\0${JSON.stringify(row)}`;
}

/**
 * The rows that were not there before, and those of ids that came as deleted, and now as there: a list that tells
 * both does not say that they are gone. `deleted`: the ids that came so, which is added to.
 */
function takeRows(rows: readonly unknown[], fresh: readonly number[], deleted: Set<string>): unknown[] {
  const isFresh = new Set(fresh);
  return rows.filter((row, position) => {
    const isOver = isDeleted(statusOf(row));
    if (isFresh.has(position)) {
      if (isOver) deleted.add(idOf(row));
      return true;
    }
    return !isOver && deleted.delete(idOf(row));
  });
}

function statusOf(row: unknown): string | undefined {
  const { status } = (row ?? {}) as { status?: unknown };
  return typeof status === 'string' ? status : undefined;
}

/** `before`: how many rows came before these. */
function toPage<L extends ListName>(list: L, found: readonly unknown[], before: number) {
  const rows: RecordOf<L>[] = [];
  const issues: RecordIssue[] = [];
  for (const [i, row] of found.entries()) {
    const parsed = LISTS[list].safeParse(row);
    if (parsed.success) rows.push(parsed.data as RecordOf<L>);
    else issues.push(unreadable(`record ${before + i + 1}`, list));
  }
  return { rows, issues, file: list };
}

function totalOf({ headers }: HttpAnswer): number | undefined {
  const header = headers.get('x-total-count')?.trim() ?? '';
  return /^\d+$/.test(header) ? Number(header) : undefined;
}

function endless(list: string): ConnectorError {
  return new ConnectorError(
    `OneRoster gave more than ${MOST_ROWS.toLocaleString('en')} ${list}; that is no school. Give the client access to this school alone, or import files.`,
  );
}

/**
 * The query of the link to the next page. Host and path stay ours: behind a proxy servers link to what they
 * take for their address, and a token goes nowhere else.
 */
function nextOf({ headers }: HttpAnswer): Query | undefined {
  const [, address] = /<([^>]*)>\s*(?:;[^,<]*)?;\s*rel="?next"?/i.exec(headers.get('link') ?? '') ?? [];
  if (!address || !URL.canParse(address, 'http://next')) return undefined;
  return Object.fromEntries(new URL(address, 'http://next').searchParams);
}

function goesInCircles(list: ListName): ConnectorError {
  return new ConnectorError(
    `OneRoster gave a page of ${list} twice: its pages do not lead to the end of the list. Nothing was changed; sync again, and tell the operator of the school system if it stays so.`,
  );
}
