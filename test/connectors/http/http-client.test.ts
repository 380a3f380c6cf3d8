import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import type { HttpRequest } from '../../../src/connectors/http/index.js';
import { ConnectorError } from '../../../src/connectors/index.js';
import {
  answer,
  closeAll,
  closedPort,
  failureOf,
  polite,
  type Reply,
  redirect,
  serve,
  serveTls,
} from './kit.js';

const AUTH = { Authorization: 'Bearer s3cret-header' };
const MIB = 1024 * 1024;

/** An answer with this body and type, packed if asked. */
const body =
  (content: string | Buffer, type?: string, headers: Record<string, string> = {}): Reply =>
  (response) =>
    response
      .writeHead(200, {
        ...(type && { 'Content-Type': type }),
        'Content-Length': Buffer.byteLength(content),
        ...headers,
      })
      .end(content);

describe('polite client', () => {
  afterEach(closeAll);

  describe('sends', () => {
    for (const [folder, arrivesAt] of [
      ['', '/api/things?page=2&q=a+b%26c'],
      ['/', '/api/things?page=2&q=a+b%26c'],
      ['/moodle', '/moodle/api/things?page=2&q=a+b%26c'],
      ['/moodle/sub//', '/moodle/sub/api/things?page=2&q=a+b%26c'],
    ] as const) {
      it(`a GET with its query below the base address "${folder}"`, async () => {
        const school = await serve(answer([1, 'ñ']));
        const { client } = polite(`${school.url}${folder}`, { headers: AUTH });
        const got = await client.send({ path: '/api/things', query: { page: 2, q: 'a b&c' } });
        expect(got.json()).to.deep.equal([1, 'ñ']);
        const [call] = school.arrived;
        expect(call).to.include({ method: 'GET', url: arrivesAt, body: '' });
        expect(call?.headers).to.include({ accept: 'application/json', authorization: AUTH.Authorization });
      });
    }

    it('a form as a form', async () => {
      const school = await serve(answer());
      const form = new URLSearchParams({ wstoken: 'a&b=c', name: 'Muñoz + Söhne' });
      await polite(school.url, { headers: AUTH }).client.send({ method: 'POST', path: '/form', form });
      const [call] = school.arrived;
      expect(call).to.include({ method: 'POST', url: '/form' });
      expect(call?.headers['content-type']).to.match(/^application\/x-www-form-urlencoded/);
      expect(call?.headers.authorization).to.equal(AUTH.Authorization);
      expect([...new URLSearchParams(call?.body)]).to.deep.equal([...form]);
    });

    for (const method of ['POST', 'PUT'] as const) {
      for (const json of [{ name: 'Muñoz', list: [1, null, '€'] }, [], null, 0, false, '']) {
        it(`${JSON.stringify(json)} as JSON with ${method}`, async () => {
          const school = await serve(answer());
          await polite(school.url).client.send({ method, path: '/json', json });
          const [call] = school.arrived;
          expect(call?.method).to.equal(method);
          expect(call?.headers['content-type']).to.equal('application/json');
          expect(JSON.parse(call?.body ?? '')).to.deep.equal(json);
        });
      }
    }

    it('GETs over one connection, and each POST over one of its own', async () => {
      const school = await serve(answer());
      const { client } = polite(school.url);
      for (const method of ['GET', 'GET', 'POST', 'POST'] as const) await client.send({ method, path: '/' });
      const [a, b, c, d] = school.arrived.map(({ port }) => port);
      expect(a).to.equal(b);
      expect(new Set([a, c, d]).size).to.equal(3);
    });
  });

  describe('redirects', () => {
    it('keep the headers on the same origin', async () => {
      const school = await serve(redirect('/elsewhere?x=1', 301), answer({ there: true }));
      const { client } = polite(school.url, { headers: AUTH });
      expect((await client.send({ path: '/' })).json()).to.deep.equal({ there: true });
      expect(school.arrived[1]).to.include({ method: 'GET', url: '/elsewhere?x=1' });
      expect(school.arrived[1]?.headers.authorization).to.equal(AUTH.Authorization);
    });

    it('never take the headers to another origin, and give them back on the way home', async () => {
      let home = '';
      const other = await serve((response) => response.writeHead(302, { Location: home }).end());
      const school = await serve(redirect(`${other.url}/away`), answer());
      home = `${school.url}/home`;
      const headers = { ...AUTH, 'X-API-Key': 's3cret-key', Cookie: 's3cret=cookie' };
      await polite(school.url, { allow: ['127.0.0.0/8'], headers }).client.send({
        path: '/',
        query: { token: 's3cret-query' },
      });
      expect(other.arrived).to.have.length(1);
      expect(JSON.stringify(other.arrived)).not.to.contain('s3cret');
      expect(school.arrived[1]?.headers).to.include({ 'x-api-key': 's3cret-key' });
    });

    it('count another name of the same server as another origin', async () => {
      const school = await serve(
        (response, { headers }) =>
          response.writeHead(302, { Location: `http://localhost:${headers.host?.split(':')[1]}/` }).end(),
        answer(),
      );
      await polite(school.url, { headers: AUTH }).client.send({ path: '/' });
      expect(school.arrived.map(({ headers }) => headers.authorization)).to.deep.equal([
        AUTH.Authorization,
        undefined,
      ]);
    });

    for (const status of [301, 302, 303, 307, 308]) {
      it(`of a POST or PUT are not followed (${status}): the failure says where they lead`, async () => {
        const other = await serve(answer());
        const school = await serve(redirect(`${other.url}/new/home?x=1`, status));
        for (const method of ['POST', 'PUT'] as const) {
          const { client, waits } = polite(school.url);
          const failure = await failureOf(client.send({ method, path: '/a', json: {}, idempotent: true }));
          expect(failure).to.include({ kind: 'redirect', location: `${other.url}/new/home?x=1` });
          expect(failure.message).to.equal(
            `Moodle sends ${method} /a on to ${other.url}/new/home, which only a GET may follow; correct config.apiUrl.`,
          );
          expect(waits).to.deep.equal([]);
        }
        expect([school.arrived.length, other.arrived.length]).to.deep.equal([2, 0]);
      });
    }

    it('that go round in circles end', async () => {
      const school = await serve((response, { url }) =>
        response.writeHead(302, { Location: url === '/a' ? '/b' : '/a' }).end(),
      );
      const { client, waits } = polite(school.url);
      const failure = await failureOf(client.send({ path: '/a' }));
      expect(failure.kind).to.equal('redirect');
      expect([school.arrived.length, waits]).to.deep.equal([6, []]);
    });

    it('are followed five times in a row', async () => {
      const school = await serve(
        ...([1, 2, 3, 4, 5].map((n) => redirect(`/${n}`)) as [Reply]),
        answer('end'),
      );
      expect((await polite(school.url).client.send({ path: '/' })).json()).to.equal('end');
    });

    for (const location of ['ftp://127.0.0.1/a', 'file:///etc/passwd', 'data:application/json,{}']) {
      it(`to ${location} are not followed`, async () => {
        const school = await serve(redirect(location));
        const failure = await failureOf(polite(school.url).client.send({ path: '/' }));
        expect(failure.kind).to.equal('redirect');
        expect(failure.message).to.match(/which is no web address\.$/);
      });
    }

    for (const location of [undefined, 'http://[::1', 'https://a:b']) {
      it(`to ${location ?? 'nowhere'} are a failure in a sentence`, async () => {
        const school = await serve((response) =>
          response.writeHead(302, location ? { Location: location } : {}).end(),
        );
        const failure = await failureOf(polite(school.url).client.send({ path: '/' }));
        expect(failure.kind).to.equal('redirect');
        expect(failure.message).to.equal(
          'Moodle sends GET / on without a usable address. Is config.apiUrl right?',
        );
        expect(school.arrived).to.have.length(1);
      });
    }

    it('that hold a password are not followed, nor shown', async () => {
      const school = await serve(redirect('http://ana:s3cret@127.0.0.1/a'));
      const failure = await failureOf(polite(school.url).client.send({ path: '/' }));
      expect(failure.message).to.match(
        /on to http:\/\/127\.0\.0\.1\/a, which holds a name or a password; it is not followed\.$/,
      );
    });

    it('name the host that was called in the end', async () => {
      const closed = await closedPort();
      const gone = await serve(redirect(`http://localhost:${closed}/a`));
      const failure = await failureOf(
        polite(gone.url, { allow: ['127.0.0.0/8'], retries: 0 }).client.send({ path: '/' }),
      );
      expect(failure.message).to.contain(`could not be reached at localhost:${closed}`);
      const inward = await serve(redirect('http://10.0.0.7/a'));
      expect((await failureOf(polite(inward.url).client.send({ path: '/' }))).message).to.match(
        /^10\.0\.0\.7 is a private address/,
      );
    });
  });

  describe('over TLS', () => {
    it('does not follow a redirect to where nothing is encrypted', async () => {
      const plain = await serve(answer());
      const school = await serveTls((response) =>
        response.writeHead(302, { Location: `${plain.url}/a` }).end(),
      );
      const { client, outbound } = polite(school.url);
      outbound.agents.https.options.ca = school.cert;
      const failure = await failureOf(client.send({ path: '/' }));
      expect(failure.message).to.equal(
        `Moodle sends GET / on to ${plain.url}/a, which is not encrypted; it is not followed.`,
      );
      expect([failure.kind, plain.arrived.length]).to.deep.equal(['redirect', 0]);
    });

    it('does not talk to a server whose certificate nobody vouches for, and says so', async () => {
      let arrived = 0;
      const school = await serveTls(() => (arrived += 1));
      const failure = await failureOf(polite(school.url).client.send({ path: '/' }));
      expect(failure.message).to.match(
        /^Moodle could not be reached at .*: its certificate is self-signed\.$/,
      );
      expect(arrived).to.equal(0);
    });
  });

  describe('what answers with another protocol', () => {
    async function failureAt(url: string): Promise<string> {
      return (await failureOf(polite(url, { retries: 0 }).client.send({ path: '/', name: 'core_users' })))
        .message;
    }

    it('is a sentence about https where a port speaks plain http', async () => {
      const school = await serve(answer());
      expect(await failureAt(school.url.replace('http:', 'https:'))).to.match(
        /^Moodle could not be reached at .*: it does not speak https there.* begin with http:\/\/\?$/,
      );
    });

    it('is a sentence about the address where a port wants https', async () => {
      const { url } = await serveTls((response) => response.end('{}'));
      expect(await failureAt(url.replace('https:', 'http:'))).to.match(/begin with the right one of http/);
    });

    it('is a sentence about the port where no web server answers', async () => {
      const other = createServer((socket) => socket.on('error', () => {}).end('SSH-2.0-OpenSSH_9\r\n'));
      await once(other.listen(0, '127.0.0.1'), 'listening');
      const { port } = other.address() as AddressInfo;
      for (const scheme of ['http', 'https']) {
        const message = await failureAt(`${scheme}://127.0.0.1:${port}`);
        expect(message, scheme)
          .to.match(/Is the port right/)
          .and.not.match(/[A-Z]{4,}_|EPROTO|:error:/);
      }
      other.close();
    });
  });

  it('repeats a call less often when the call says so', async () => {
    const school = await serve(answer({}, 500));
    await failureOf(polite(school.url).client.send({ path: '/', retries: 1 }));
    expect(school.arrived).to.have.length(2);
  });

  describe('refuses', () => {
    const large = JSON.stringify('a'.repeat(MIB));
    for (const [what, reply] of [
      ['is too large', body(large, 'application/json')],
      [
        'is too large, sent without its length',
        (response) => {
          response.writeHead(200, { 'Content-Type': 'application/json' }).write(large);
          response.end();
        },
      ],
      [
        'is small on the way and too large unpacked',
        body(gzipSync(large), 'application/json', { 'Content-Encoding': 'gzip' }),
      ],
    ] as [string, Reply][]) {
      it(`an answer that ${what}, without asking again`, async () => {
        const school = await serve(reply);
        const { client, waits } = polite(school.url, { maxBytes: MIB });
        const failure = await failureOf(client.send({ path: '/all' }));
        expect(failure.kind).to.equal('size');
        expect(failure.message).to.equal(
          'Moodle answered GET /all with more than 1 MiB; the answer was not read.',
        );
        expect([school.arrived.length, waits]).to.deep.equal([1, []]);
      });
    }

    it('nothing that is just as large as allowed', async () => {
      const school = await serve(body(large, 'application/json'));
      const { text } = await polite(school.url, { maxBytes: large.length }).client.send({ path: '/' });
      expect(text).to.equal(large);
    });

    for (const type of [
      'text/html; charset=utf-8',
      'text/plain',
      'application/xml',
      'application/jsonx',
      undefined,
    ]) {
      it(`an answer of type ${type}, though it may be JSON, and asks whether config.apiUrl is right`, async () => {
        const school = await serve(body('{"a":1}', type));
        const { client, waits } = polite(school.url);
        const failure = await failureOf(client.send({ path: '/' }));
        const shown = type?.split(';')[0] ?? 'no content type';
        expect(failure.kind).to.equal('content');
        expect(failure.message).to.equal(
          `Moodle answered GET / with ${shown} where JSON was expected. Is config.apiUrl right?`,
        );
        expect(waits).to.deep.equal([]);
      });
    }

    it('no type that stands for JSON', async () => {
      for (const type of [
        'application/json',
        'Application/JSON;charset=UTF-8',
        'application/problem+json',
        'application/vnd.api+json',
        'application/vnd.aula.v2+json',
      ]) {
        const school = await serve(body('{"a":1}', type));
        expect((await polite(school.url).client.send({ path: '/' })).json(), type).to.deep.equal({ a: 1 });
      }
    });

    for (const text of ['', '{"a":', '<html>', 'undefined']) {
      it(`${JSON.stringify(text)} as JSON, in a sentence`, async () => {
        const school = await serve(body(text, 'application/json'));
        const got = await polite(school.url).client.send({ path: '/' });
        expect(got.text).to.equal(text);
        const failure = await failureOf(Promise.resolve().then(() => got.json()));
        expect(failure.kind).to.equal('content');
        expect(failure.message).to.equal('Moodle answered GET / with JSON that cannot be read.');
      });
    }

    it('a status that is not 2xx, and keeps the beginning of what the server says', async () => {
      const school = await serve((response) =>
        response.writeHead(403, { 'X-Why': 'no' }).end('x'.repeat(10 * MIB)),
      );
      const failure = await failureOf(polite(school.url).client.send({ path: '/' }));
      expect(failure.message).to.equal('Moodle answered GET / with 403 Forbidden.');
      expect(failure.answer?.headers.get('x-why')).to.equal('no');
      expect(failure.answer?.text.length).to.be.within(64 * 1024, 256 * 1024);
    });
  });

  describe('keeps to itself', () => {
    const request: HttpRequest = {
      method: 'POST',
      path: '/rest',
      name: 'core_users',
      query: { key: 's3cret-query' },
      form: new URLSearchParams({ wstoken: 's3cret-body' }),
    };

    it('everything but method, host, path, name, status and time, in the log', async () => {
      const school = await serve(answer({ token: 's3cret-answer' }, 200, { 'X-Token': 's3cret-answer' }));
      const { client, lines } = polite(school.url, { headers: AUTH });
      await client.send(request);
      const [{ ms, time, ...line }, ...more] = lines.map((text) => JSON.parse(text));
      const host = new URL(school.url).host;
      const call = { method: 'POST', host, path: '/rest', call: 'core_users', status: 200 };
      expect(line).to.deep.equal({ level: 20, ...call, msg: 'call to school system' });
      expect([ms, time]).to.satisfy((numbers: unknown[]) => numbers.every(Number.isInteger));
      expect(more).to.deep.equal([]);
    });

    it('every secret when a call is repeated and fails, in the log and in the message', async () => {
      const busy = answer({ token: 's3cret-answer' }, 429, { 'Retry-After': '1' });
      const school = await serve(busy, redirect('/elsewhere?token=s3cret-location'));
      const { client, lines } = polite(school.url, { headers: AUTH });
      const failure = await failureOf(client.send(request));
      expect(lines.map((line) => JSON.parse(line).status)).to.deep.equal([429, 429, undefined]);
      expect(JSON.parse(lines[1] ?? '')).to.include({
        level: 40,
        call: 'core_users',
        attempt: 0,
        pause: 1_000,
      });
      expect(JSON.parse(lines[2] ?? '')).to.include({ failure: 'redirect' });
      expect(lines.join('')).not.to.contain('s3cret');
      expect(failure.message).not.to.contain('s3cret');
    });

    for (const [what, reply] of [
      ['a status', answer({ token: 's3cret-answer' }, 500)],
      ['a refusal', answer({ token: 's3cret-answer' }, 403)],
      ['a type', body('s3cret-answer', 'text/html')],
      ['a broken connection', (response) => response.destroy()],
    ] as [string, Reply][]) {
      it(`every secret in the message about ${what}`, async () => {
        const school = await serve(reply);
        const { client, lines } = polite(school.url, { headers: AUTH });
        const failure = await failureOf(client.send(request));
        expect(failure.message).to.match(/^Moodle .*core_users.*[.?]$/);
        expect([failure.message, failure.stack, ...lines].join('\n')).not.to.contain('s3cret');
      });
    }

    it('a credential that no header can hold', () => {
      for (const secret of ['s3cret\r\nX-Admin: 1', 's3cret→']) {
        const build = () => polite('http://127.0.0.1', { headers: { 'X-API-Key': secret } });
        expect(build).to.throw(
          ConnectorError,
          /^The credential that Moodle wants as X-API-Key has .* Enter it again\.$/,
        );
      }
    });

    it('every secret in the message about a server that is not there', async () => {
      const { client, lines } = polite(`http://127.0.0.1:${await closedPort()}`, { headers: AUTH });
      const failure = await failureOf(client.send(request));
      expect(failure.message).to.match(
        /^Moodle could not be reached at 127\.0\.0\.1:\d+ for core_users: nothing listens there\.$/,
      );
      expect([failure.message, failure.stack, ...lines].join('\n')).not.to.contain('s3cret');
    });
  });
});
