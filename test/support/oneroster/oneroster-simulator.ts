import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { makeOneRosterSchool, type OneRosterRecord, type OneRosterSchool } from './school.js';

const SCOPE = {
  '1.1': 'https://purl.imsglobal.org/spec/or/v1p1/scope/roster-core.readonly',
  '1.2': 'https://purl.imsglobal.org/spec/or/v1p2/scope/roster-core.readonly',
} as const;
const PATH = { '1.1': '/ims/oneroster/v1p1', '1.2': '/ims/oneroster/rostering/v1p2' } as const;

/**
 * A school system that offers OneRoster: tokens by client credentials, flat lists with filter, order, pages,
 * totals and links, and errors in the form of its version. What vendors do differently are its vices.
 */
export class OneRosterSimulator {
  clientId = 'client of the school';
  readonly clientSecret = 'secret/of+the=school';
  readonly tokenPath = '/oauth/token';
  readonly apiPath: string;
  readonly school: OneRosterSchool;
  /** Path and query of every call of the API. */
  readonly calls: string[] = [];
  /** Forms that tokens were asked for with. */
  readonly tokenForms: URLSearchParams[] = [];
  readonly vices = {
    clientRefused: false,
    /** Scopes that the client may have; undefined: any. */
    scopes: undefined as string[] | undefined,
    /** The token endpoint takes client id and secret in the form alone. */
    secretInBody: false,
    expiresIn: 3600 as number | string | undefined,
    /** Tokens are refused as soon as they are given. */
    tokensWorthless: false,
    /** Lists that are not offered, and with which status. */
    missing: new Map<string, number>(),
    sendsTotal: true,
    sendsLinks: true,
    /** Where links lead to, as behind a proxy. */
    linkOrigin: undefined as string | undefined,
    /** 200 with a failure in the body. */
    failing: false,
    /** Pages are cut to this size, whatever is asked for. */
    mostRows: Number.POSITIVE_INFINITY,
    filter: 'understood' as 'understood' | 'ignored' | 'refused',
    ignoresOffset: false,
    ignoresLimit: false,
    /** Says this instead of the true total. */
    total: undefined as number | undefined,
  };
  /** Called before a page is made, with its list and offset. */
  onPage: (list: string, offset: number) => void = () => {};
  readonly #tokens = new Set<string>();
  #issued = 0;

  constructor(
    readonly version: '1.1' | '1.2' = '1.2',
    school: OneRosterSchool = makeOneRosterSchool(),
  ) {
    this.apiPath = PATH[version];
    this.school = school;
  }

  /** Refuses the tokens that were given; new ones are good. */
  expireTokens(): void {
    this.#tokens.clear();
  }

  /** What a person would enter to reach it. */
  settings(url: string) {
    return {
      config: {
        version: this.version,
        apiUrl: url + this.apiPath,
        tokenUrl: url + this.tokenPath,
        pageSize: 5,
      },
      credentials: { clientId: this.clientId, clientSecret: this.clientSecret },
    };
  }

  readonly handle = (request: IncomingMessage, response: ServerResponse): void => {
    this.#answer(request, response).catch((error: unknown) => {
      send(response, 500, this.#failure('failure', String(error)));
    });
  };

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://oneroster');
    if (url.pathname === this.tokenPath) return this.#giveToken(request, response);
    const [, list] = /^\/([A-Za-z]+)$/.exec(url.pathname.slice(this.apiPath.length)) ?? [];
    if (request.method !== 'GET' || !url.pathname.startsWith(`${this.apiPath}/`) || !list)
      return send(response, 404, this.#failure('failure', 'unknown path'));
    this.calls.push(`${list}${url.search}`);
    const token = request.headers.authorization?.replace(/^Bearer /, '') ?? '';
    if (this.vices.tokensWorthless || !this.#tokens.has(token))
      return send(response, 401, this.#failure('unauthorisedrequest', `no access with token ${token}`));
    if (this.vices.failing) return send(response, 200, this.#failure('internal_server_error', echoOf(token)));
    const missing = this.vices.missing.get(list);
    if (missing !== undefined)
      return send(response, missing, this.#failure('forbidden', `${list} is not for this client ${token}`));
    return this.#giveList(list, url, response);
  }

  async #giveToken(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const form = new URLSearchParams(await text(request));
    this.tokenForms.push(form);
    const [, encoded = ''] = /^Basic (.+)$/.exec(request.headers.authorization ?? '') ?? [];
    const [id, secret] = this.vices.secretInBody
      ? [form.get('client_id'), form.get('client_secret')]
      : Buffer.from(encoded, 'base64')
          .toString()
          .split(':')
          .map((part) => decodeURIComponent(part.replaceAll('+', ' ')));
    const refuse = (status: number, error: string, words: string) =>
      send(response, status, { error, error_description: words });
    if (request.method !== 'POST' || form.get('grant_type') !== 'client_credentials')
      return refuse(400, 'unsupported_grant_type', 'only client_credentials');
    if (this.vices.clientRefused || id !== this.clientId || secret !== this.clientSecret)
      return refuse(401, 'invalid_client', `unknown client, secret was ${secret}`);
    const scope = form.get('scope') ?? '';
    if (!(this.vices.scopes ?? [SCOPE[this.version]]).includes(scope))
      return refuse(400, 'invalid_scope', `no such scope: ${scope}`);
    this.#issued += 1;
    const token = `token-${this.#issued}-of-the-school`;
    this.#tokens.add(token);
    const { expiresIn } = this.vices;
    send(response, 200, {
      access_token: token,
      token_type: 'Bearer',
      scope,
      ...(expiresIn !== undefined && { expires_in: expiresIn }),
    });
  }

  async #giveList(list: string, url: URL, response: ServerResponse): Promise<void> {
    const { mostRows, ignoresLimit } = this.vices;
    const wanted = ignoresLimit ? Number.POSITIVE_INFINITY : Number(url.searchParams.get('limit') ?? 100);
    const limit = Math.min(wanted, mostRows);
    const asked = Number(url.searchParams.get('offset') ?? 0);
    this.onPage(list, asked);
    const all = this.#rowsOf(list);
    if (!all) return send(response, 404, this.#failure('failure', `no list ${list}`));
    const filter = url.searchParams.get('filter');
    if (filter !== null && this.vices.filter === 'refused')
      return send(response, 400, this.#failure('invaliddata', 'filter is not supported'));
    const [, since] = /^dateLastModified>='([^']+)'$/.exec(filter ?? '') ?? [];
    if (filter !== null && since === undefined)
      return send(response, 400, this.#failure('invaliddata', `cannot read ${filter}`));
    const chosen =
      since === undefined || this.vices.filter === 'ignored'
        ? [...all]
        : all.filter(({ dateLastModified }) => dateLastModified >= since);
    if (url.searchParams.get('sort') === 'sourcedId')
      chosen.sort((a, b) => (a.sourcedId < b.sourcedId ? -1 : a.sourcedId > b.sourcedId ? 1 : 0));
    // Without an order, each page has one of its own.
    else chosen.sort((a, b) => hash(a.sourcedId + asked) - hash(b.sourcedId + asked));
    const offset = this.vices.ignoresOffset ? 0 : asked;
    const rows = chosen.slice(offset, offset + limit);
    const next = new URL(url);
    next.searchParams.set('limit', String(limit));
    next.searchParams.set('offset', String(offset + limit));
    const origin = this.vices.linkOrigin ?? `http://${url.host}`;
    const hasNext = this.vices.sendsLinks && offset + limit < chosen.length;
    send(
      response,
      200,
      {
        [list === 'students' || list === 'teachers' ? 'users' : list]: rows.map((row) =>
          this.#inVersion(row),
        ),
      },
      {
        ...(this.vices.sendsTotal && { 'X-Total-Count': String(this.vices.total ?? chosen.length) }),
        ...(hasNext && {
          Link: `<${origin}${url.pathname}?limit=1&offset=0>; rel="first", <${origin}${next.pathname}${next.search}>; rel="next"`,
        }),
      },
    );
  }

  #rowsOf(list: string): OneRosterRecord[] | undefined {
    if (list !== 'students' && list !== 'teachers') return this.school[list as keyof OneRosterSchool];
    const role = list.slice(0, -1);
    return this.school.users.filter(({ roles }) =>
      (roles as { role: string }[]).some((each) => each.role === role),
    );
  }

  /** 1.1 has one role, and the orgs beside it. */
  #inVersion(row: OneRosterRecord): object {
    if (this.version === '1.2' || !('roles' in row)) return row;
    const { roles, ...rest } = row;
    const [first] = roles as { role: string; org?: object }[];
    return { ...rest, role: first?.role, orgs: first?.org ? [first.org] : [] };
  }

  #failure(codeMinor: string, words: string): object {
    const status = { imsx_codeMajor: 'failure', imsx_severity: 'error', imsx_description: words };
    const minor = {
      imsx_codeMinorField: [
        { imsx_codeMinorFieldName: 'TargetEndSystem', imsx_codeMinorFieldValue: codeMinor },
      ],
    };
    return this.version === '1.1' ? { statusInfoSet: [status] } : { ...status, imsx_CodeMinor: minor };
  }
}

/** What a careless server says of a token: as it is, and as its log has it. */
function echoOf(token: string): string {
  const bytes = Buffer.from(token);
  return `the database is away for ${token}, ${bytes.toString('base64')}, ${bytes.toString('hex')}`;
}

function hash(value: string): number {
  let sum = 7;
  for (const letter of value) sum = (sum * 31 + letter.charCodeAt(0)) % 1_000_003;
  return sum;
}

function send(
  response: ServerResponse,
  status: number,
  body: object,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'Content-Type': 'application/json', ...headers }).end(JSON.stringify(body));
}
