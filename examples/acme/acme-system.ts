import type { IncomingMessage, ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';

/** Acme School itself, for the tests of its connector: what it has, and what it answers over HTTP. */
export class AcmeSystem {
  readonly apiKey = 'key-of-the-school';
  readonly lists = {
    students: Array.from({ length: 23 }, (_, i) => ({
      id: `S${i + 1}`,
      given: 'Ana',
      family: `Soto ${i + 1}`,
      email: `s${i + 1}@acme.example`,
      active: i !== 4,
    })),
    courses: Array.from({ length: 5 }, (_, i) => ({ id: `C${i + 1}`, title: `Course ${i + 1}` })),
  };
  /** session -> student -> status. */
  readonly sessions = new Map<string, Map<string, string>>();
  keyExpired = false;

  readonly handle = (request: IncomingMessage, response: ServerResponse): void => {
    this.#answer(request).then(
      ([status, body]) => {
        response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
      },
      () => response.destroy(),
    );
  };

  async #answer(request: IncomingMessage): Promise<[status: number, body: object]> {
    const url = new URL(request.url ?? '/', 'http://acme');
    if (this.keyExpired || request.headers['x-acme-key'] !== this.apiKey)
      return [401, { error: 'unknown key' }];
    const [, , kind = '', id = ''] = url.pathname.split('/');
    if (request.method === 'PUT' && kind === 'sessions') {
      const { marks } = (await json(request)) as { marks: { student: string; status: string }[] };
      this.sessions.set(id, new Map(marks.map(({ student, status }) => [student, status])));
      return [200, { stored: marks.length }];
    }
    const list: readonly object[] | undefined = this.lists[kind as keyof typeof this.lists];
    if (!list) return [404, { error: 'nothing here' }];
    const offset = Number(url.searchParams.get('offset'));
    return [
      200,
      { items: list.slice(offset, offset + Number(url.searchParams.get('limit'))), total: list.length },
    ];
  }
}
