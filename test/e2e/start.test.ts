import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, chmod, mkdir, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import pg from 'pg';
import { freshDatabaseUrl, testDatabaseUrl } from '../support/database.js';
import { startService, TOKEN } from '../support/service.js';
import { tempFolder } from '../support/temp-folder.js';

const MAIN = join(dirname(fileURLToPath(import.meta.url)), '../../src/main.js');

/** Starts the service expecting that it does not; returns what it says. */
async function refused(env: Record<string, string>): Promise<string> {
  const child = spawn(process.execPath, [MAIN], {
    env: { PATH: process.env.PATH, PORT: '0', ADMIN_TOKEN: TOKEN, LOG_LEVEL: 'silent', ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk) => {
    said += chunk;
  });
  const [code] = await once(child, 'close');
  expect([code, said.split('\n')[0]]).to.deep.equal([1, 'SmartID Integrations cannot start.']);
  expect(said, 'no stack').to.not.match(/\n\s+at /);
  return said.split('\n').slice(1).join('\n').trim();
}

/** A port of this machine on which somebody listens and says nothing. */
async function takenPort() {
  const server = createServer((socket) => socket.destroy());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  after(() => server.close());
  return String((server.address() as AddressInfo).port);
}

/** A port of this machine on which nobody listens. */
async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return String(port);
}

describe('a start that cannot be', () => {
  it('for a port that is taken is one sentence, before any database is made', async () => {
    const [dataDir, port] = [await tempFolder(), await takenPort()];
    expect(await refused({ DATA_DIR: dataDir, PORT: port })).to.equal(
      `Port ${port} of 127.0.0.1 is in use by another process. Stop that one, or set PORT to another port.`,
    );
    expect(await access(join(dataDir, 'postgres')).catch(() => 'none')).to.equal('none');
  });

  it('for an address that the machine has not is one sentence that names HOST', async () => {
    for (const host of ['203.0.113.7', 'no-such-host.invalid']) {
      expect(await refused({ DATA_DIR: await tempFolder(), HOST: host })).to.equal(
        `HOST ${host} is no address of this machine. Set HOST to one that it has, or to 0.0.0.0 for all.`,
      );
    }
  });

  it('for a DATA_DIR that is a file, or lies in one, is one sentence', async () => {
    const file = join(await tempFolder(), 'file');
    await writeFile(file, '');
    for (const dataDir of [file, join(file, 'data')]) {
      expect(await refused({ DATA_DIR: dataDir })).to.equal(
        `DATA_DIR ${dataDir} is, or lies in, a file. Set DATA_DIR to a folder.`,
      );
    }
  });

  it('for a DATA_DIR that cannot be written is one sentence', async function () {
    if (process.getuid?.() === 0) this.skip();
    const parent = await tempFolder();
    await mkdir(join(parent, 'data'));
    await chmod(join(parent, 'data'), 0o500);
    expect(await refused({ DATA_DIR: join(parent, 'data') })).to.match(
      /^DATA_DIR .* cannot be written by this user\./,
    );
  });

  it('for a key that is none is one sentence', async () => {
    const dataDir = await tempFolder();
    await writeFile(join(dataDir, 'pem'), 'no key');
    const files = { TLS_CERT_FILE: join(dataDir, 'pem'), TLS_KEY_FILE: join(dataDir, 'pem') };
    expect(await refused({ DATA_DIR: dataDir, ...files })).to.equal(
      'TLS_CERT_FILE and TLS_KEY_FILE must hold a certificate and its key, both as PEM.',
    );
  });

  it('for a PostgreSQL that is down, or a host that nobody knows, is one sentence without the password', async () => {
    const port = await freePort();
    const at = (host: string) => `postgres://school:hushhush@${host}/smartid`;
    const dataDir = await tempFolder();
    expect(await refused({ DATA_DIR: dataDir, DATABASE_URL: at(`127.0.0.1:${port}`) })).to.equal(
      `PostgreSQL does not answer at 127.0.0.1:${port}. Start it, or correct DATABASE_URL.`,
    );
    expect(await refused({ DATA_DIR: dataDir, DATABASE_URL: at('no-such-host.invalid') })).to.equal(
      'DATABASE_URL names the host no-such-host.invalid, which nobody knows. Correct the name.',
    );
  });

  it('for a database that is not there, or a user that is refused, is one sentence', async function () {
    if (!testDatabaseUrl) this.skip();
    const url = new URL(testDatabaseUrl);
    const place = `${url.hostname}:${url.port || 5432}`;
    url.pathname = '/not_there';
    const dataDir = await tempFolder();
    expect(await refused({ DATA_DIR: dataDir, DATABASE_URL: url.href })).to.equal(
      `PostgreSQL at ${place} has no database not_there. Make it (createdb not_there), or correct DATABASE_URL.`,
    );
    url.username = 'nobody_known';
    expect(await refused({ DATA_DIR: dataDir, DATABASE_URL: url.href })).to.match(
      /refuses the user nobody_known or its password\. Correct DATABASE_URL/,
    );
  });

  it('for a schema of a later version is one sentence that names the migration, and changes nothing', async function () {
    if (!testDatabaseUrl) this.skip();
    const databaseUrl = (await freshDatabaseUrl()) as string;
    const service = await startService({ env: { DATABASE_URL: databaseUrl } });
    await service.stop();
    const client = new pg.Client({ connectionString: databaseUrl });
    await client.connect();
    await client.query(`INSERT INTO schema_migrations (name) VALUES ('9999-later')`);
    await client.end();
    expect(await refused({ DATA_DIR: await tempFolder(), DATABASE_URL: databaseUrl })).to.match(
      /^The database was migrated by a later version of this program \(9999-later\)\. Start that version/,
    );
  });
});
