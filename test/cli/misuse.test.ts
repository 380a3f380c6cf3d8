import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, createServer as createRawServer, type Server as RawServer } from 'node:net';
import { expect } from 'chai';
import { printable } from '../../src/cli/output.js';
import { timestampOf } from '../../src/cli/values.js';
import { rest, sharedService } from '../support/service.js';
import { MAIN, run, school, start, students, userOf } from './command.js';

describe('what a school wrote, on a terminal', () => {
  const HOSTILE = 'Ana\u009b31m\u202eP\u061ca\u2028z\u200b';

  it('steers it nowhere: marks of direction, ends of lines and what cannot be seen are shown as numbers', () => {
    expect(printable(HOSTILE)).to.equal('Ana\\u009b31m\\u202eP\\u061ca\\u2028z\\u200b');
    // What joins letters and emoji belongs to the text.
    expect(printable('می\u200cخواهم 👩\u200d👧')).to.equal('می\u200cخواهم 👩\u200d👧');
  });

  it('steers it nowhere by --json either, which still says the same', async () => {
    const { institutionId, smartid, url } = await school({});
    await rest(url, 'PUT', `/institutions/${institutionId}/students/4b2f1f0e-7a30-4a53-8d3b-0c8f5f0d8a11`, {
      givenName: 'Ana\u009b31m\u202eP\u061ca',
      familyName: 'Paz',
    });
    const { out } = await smartid('people', 'find', institutionId, '--json');
    expect(JSON.parse(out)[0].givenName).to.equal('Ana\u009b31m\u202eP\u061ca');
    expect(out).not.to.match(/[\u007f-\u009f\u061c\u202e]/);
  });
});

describe('smartid used wrongly', () => {
  it('takes a time only as a day or with its zone, and only where the calendar has it', async () => {
    const said = async (text: string) => {
      const at = await timestampOf(text, '--since').catch((error: Error) => error.message);
      return typeof at === 'object' ? Number(at.seconds) : at;
    };
    expect(await said('2026-03-02')).to.equal(Date.UTC(2026, 2, 2) / 1000);
    expect(await said('2026-03-02T11:00Z')).to.equal(Date.UTC(2026, 2, 2, 11) / 1000);
    expect(await said('2026-03-02t11:00:00.5-03:00')).to.equal(Date.UTC(2026, 2, 2, 14) / 1000);
    const odd = ['', '1', '-1', '2026', '2026-02-31', '2027-02-29T00:00:00Z', '01/02/2026', 'March 7 2027'];
    for (const text of [...odd, '2026-03-02T11:00:00', '2026-03-02T25:00:00Z', '1700000000', '+275760-09-13'])
      expect(await said(text), text).to.match(/^--since must be .*2026-03-02T11:00:00Z/);
  });

  it('says what is wrong with a field once', async () => {
    const { url } = await sharedService();
    const { code, err } = await run(['rollback', 'x', 'y'], await userOf(url));
    expect(code).to.equal(1);
    expect(err.match(/must be a valid UUID/g)).to.have.length(2);
    expect(err).to.match(/^id: .*\nrunId: .*\nRequest id: \S+\n$/);
  });

  it('takes no empty id, as a variable that is not set gives it: replaying to one would be replaying to all', async () => {
    const env = await userOf('http://127.0.0.1:1');
    const id = '4b2f1f0e-7a30-4a53-8d3b-0c8f5f0d8a11';
    for (const args of [
      ['events', 'replay', id, id, '--subscription', ''],
      ['audit', 'list', id, '--run', ''],
      ['attendance', 'deliveries', id, '--session', ' '],
      ['runs', 'list', ''],
    ]) {
      const { code, err } = await run(args, env);
      expect(code, args.join(' ')).to.equal(2);
      expect(err, args.join(' ')).to.contain('empty');
    }
  });

  it('is told so where an update changes nothing', async () => {
    const env = await userOf('http://127.0.0.1:1');
    const id = '4b2f1f0e-7a30-4a53-8d3b-0c8f5f0d8a11';
    for (const args of [
      ['subscriptions', 'update', id, id],
      ['integrations', 'update', id],
    ]) {
      const { code, err } = await run(args, env);
      expect(code, args.join(' ')).to.equal(2);
      expect(err, args.join(' ')).to.contain('Say what');
    }
  });

  it('by taking back a run twice ends with 4, and says that nothing of it could be taken back', async () => {
    const { id, smartid, json } = await school({ 'students.csv': students('Ana', 'Eva') });
    await smartid('sync', id, '--entity', 'STUDENT', '--watch');
    const [{ id: runId }] = await json('runs', 'list', id);
    expect((await smartid('rollback', id, runId, '--yes')).code).to.equal(0);
    const again = await smartid('rollback', id, runId, '--yes');
    expect(again.code, again.err).to.equal(4);
    expect(again.err).to.match(/2 failed.*smartid plan show \S+ \S+/s);
  });

  it('refuses a limit that is none before it says anything else', async () => {
    const { id, smartid, json } = await school({ 'students.csv': students('Ana') });
    await smartid('sync', id, '--entity', 'STUDENT', '--watch');
    const [{ id: runId }] = await json('runs', 'list', id);
    const { code, out, err } = await smartid('plan', 'show', id, runId, '--limit', '-3');
    expect({ code, out, err }).to.deep.equal({ code: 2, out: '', err: '--limit must be a whole number.\n' });
  });

  it('knows no server and no token where their variables are empty, and a token that cannot be one is usage', async () => {
    const { url } = await sharedService();
    const env = await userOf(url);
    const unset = await run(['keys', 'list', '--server', url], {
      ...env,
      SMARTID_SERVER: '',
      SMARTID_TOKEN: '',
    });
    expect(unset.err).to.contain('needs the header');
    const unknown = await run(['keys', 'list'], { ...env, SMARTID_TOKEN: 'x'.repeat(40) });
    expect(unknown.code).to.equal(1);
    expect(unknown.err).to.contain('is not known');
    const broken = await run(['keys', 'list'], { ...env, SMARTID_TOKEN: 's3cret\n' });
    expect(broken.code).to.equal(2);
    expect(broken.err).to.contain('token').and.not.contain('s3cret');
  });
});

describe('what smartid writes', () => {
  it('with --json is JSON also where something was removed: {}', async () => {
    const { id, institutionId, smartid, json } = await school({ 'students.csv': students('Ana', 'Eva') });
    await smartid('sync', id, '--entity', 'STUDENT', '--watch');
    await smartid('schedule', 'set', id, '--cron', '30 5 * * *');
    const { subscription } = await json('subscriptions', 'create', institutionId, 'http://127.0.0.1:9/');
    const { webhookSecret } = await json('webhooks', 'create-secret', id);
    const [{ internalId: keep }, { internalId: drop }] = await json('mappings', 'list', id);
    for (const args of [
      ['mappings', 'merge', id, 'STUDENT', '--keep', keep, '--drop', drop, '--keep-external', 'S1', '--yes'],
      ['mappings', 'unlink', id, 'STUDENT', '--external', 'S1', '--yes'],
      ['schedule', 'delete', id],
      ['subscriptions', 'delete', institutionId, subscription.id, '--yes'],
      ['webhooks', 'delete-secret', id, webhookSecret.id, '--yes'],
      ['integrations', 'delete', id, '--yes'],
    ])
      expect(await json(...args), args.join(' ')).to.deep.equal({});
  });

  it('says on standard error that there is more than the usual hundred', async () => {
    const { id, institutionId, smartid } = await school({
      'students.csv': students(...Array.from({ length: 101 }, (_, nth) => `Ana${nth}`)),
    });
    await smartid('sync', id, '--entity', 'STUDENT', '--watch');
    const cut = await smartid('people', 'find', institutionId);
    expect(cut.out.trim().split('\n')).to.have.length(101);
    expect(cut.err).to.contain('100').and.contain('--limit');
    expect((await smartid('people', 'find', institutionId, '--limit', '101')).err).to.equal('');
  });

  it('may be left unread: a command whose progress nobody reads goes on to its end', async () => {
    const { id, env, json } = await school({ 'students.csv': students('Ana') });
    const { child, ended } = start(['sync', id, '--entity', 'STUDENT', '--watch'], env);
    child.stderr.destroy();
    const { code, out } = await ended;
    expect(code).to.equal(0);
    expect(out).to.contain('COMPLETED');
    expect(await json('mappings', 'list', id)).to.have.length(1);
  });

  it('that cannot be written is said, and is a failure', async function () {
    if (process.platform !== 'linux') this.skip();
    const { url } = await sharedService();
    const env = await userOf(url);
    const child = spawn(process.execPath, [MAIN, 'keys', 'list'], {
      env,
      stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'],
    });
    let err = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      err += text;
    });
    const [code] = await once(child, 'close');
    expect(code).to.equal(1);
    expect(err).to.contain('ENOSPC');
  });
});

describe('smartid at an address where something else is', () => {
  const servers: (Server | RawServer)[] = [];
  const at = async (server: Server | RawServer): Promise<string> => {
    servers.push(server);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
  after(() => {
    for (const server of servers) server.close();
  });

  it('ends with 5 and names the address, whatever is wrong there', async () => {
    const page = await at(
      createServer((_, response) => response.setHeader('Content-Type', 'text/html').end('<p>')),
    );
    const missing = await at(createServer((_, response) => response.writeHead(404).end()));
    const strange = await at(
      createRawServer((socket) => void socket.on('error', () => {}).end('SSH-2.0\r\n')),
    );
    const cut = await at(
      createServer(({ socket }, response) => {
        response.writeHead(200, { 'Content-Type': 'application/proto', 'Content-Length': 9 }).write('x');
        setImmediate(() => socket.destroy());
      }),
    );
    for (const address of [
      `http://${page}`,
      `http://${missing}`,
      `http://${strange}`,
      `http://${cut}`,
      `https://${page}`,
    ]) {
      const { code, out, err } = await run(['keys', 'list'], await userOf(address));
      expect({ code, out }, `${address} ${err}`).to.deep.equal({ code: 5, out: '' });
      expect(err)
        .to.contain(address)
        .and.contain('--server')
        .and.not.match(/\.c:|\\u000a/);
    }
  });

  it('ends with 5 where the service goes away while a run is followed', async () => {
    const { id, env } = await school({ 'students.csv': students('Ana') });
    const { url } = await sharedService();
    const through = await at(
      createServer(async (request, response) => {
        const pieces: Buffer[] = [];
        for await (const piece of request) pieces.push(piece as Buffer);
        if (request.url?.endsWith('/WatchSync')) {
          response.writeHead(200, { 'Content-Type': 'application/connect+proto' }).flushHeaders();
          setImmediate(() => request.socket.destroy());
          return;
        }
        const headers = { ...request.headers } as Record<string, string>;
        for (const name of ['connection', 'host', 'content-length', 'transfer-encoding', 'accept-encoding'])
          delete headers[name];
        const answer = await fetch(url + request.url, {
          method: 'POST',
          headers,
          body: Buffer.concat(pieces),
        });
        const body = Buffer.from(await answer.arrayBuffer());
        response
          .writeHead(answer.status, { 'Content-Type': answer.headers.get('content-type') ?? '' })
          .end(body);
      }),
    );
    const { code, err } = await run(['sync', id, '--watch'], { ...env, SMARTID_SERVER: `http://${through}` });
    expect(code, err).to.equal(5);
    expect(err).to.contain('smartid runs watch');
  });
});
