import type { IncomingMessage, ServerResponse } from 'node:http';

export interface TokenMember {
  _id: string;
  years?: { year: string; registered: boolean }[];
  user?: {
    _id: string;
    id_card?: string;
    /** Unix seconds. */
    birthday?: number;
    gender?: string;
    name: string;
    second_name?: string;
    surname: string;
    second_surname?: string;
    email?: string;
  };
}

/** Idukay's own API, as far as a token may use it. Its errors come with status 200. */
export class IdukayTokenApi {
  readonly calls: string[] = [];
  /** Answers everything with these errors, under status 200. */
  errors: unknown[] = [];

  constructor(
    readonly lists: { students: TokenMember[]; staff: TokenMember[] },
    readonly token = 'token-of-the-school',
  ) {}

  readonly handle = (request: IncomingMessage, response: ServerResponse): void => {
    const url = new URL(request.url ?? '/', 'http://idukay');
    this.calls.push(`${request.method} ${url.pathname}${url.search}`);
    const { authorization, type } = request.headers;
    const list = this.lists[url.pathname.replace('/api/', '') as 'students' | 'staff'];
    const refusal =
      authorization === `Bearer ${this.token}` && type === 'API' ? this.errors : ['Token inválido'];
    response.writeHead(list ? 200 : 404, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify({ response: refusal.length > 0 || !list ? [] : list, errors: refusal }));
  };
}
