import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { mock } from 'node:test';
import { setImmediate as tick } from 'node:timers/promises';
import { expect } from 'chai';
import pg from 'pg';
import { Listener } from '../../src/database/listener.js';
import { createLogger } from '../../src/observability/index.js';
import { freshDatabaseUrl, testDatabaseUrl } from '../support/database.js';

const logger = createLogger({ level: 'silent' });
/** Longer than the first pause before a connection is made again, and shorter than until it is asked whether it lives. */
const PAUSE_MS = 1_000;
/** Longer than anything of it may take. */
const LONG_MS = 20_000;

describe('the connection that hears what is said', () => {
  afterEach(() => mock.timers.reset());

  it('is one again after a loss, also where somebody subscribes before it is made again', async function () {
    if (!testDatabaseUrl) return this.skip();
    const connectionString = (await freshDatabaseUrl()) as string;
    const admin = new pg.Client({ connectionString });
    await admin.connect();
    mock.timers.enable({ apis: ['setTimeout'] });
    const listener = new Listener({ connectionString }, logger);
    let [heard, missed] = [0, 0];
    const listen = (channel: string) =>
      listener.listen(
        channel,
        () => {
          heard += 1;
        },
        () => {
          missed += 1;
        },
      );
    const others = async () => {
      const { rows } = await admin.query<{ pid: number }>(
        'SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
      );
      return rows.map(({ pid }) => pid);
    };
    try {
      await listen('one');
      const [pid] = await others();
      await admin.query('SELECT pg_terminate_backend($1)', [pid]);
      await until(async () => (await others()).length === 0);
      // The first may be what finds the connection broken.
      await listen('two');
      await listen('three');
      expect(await others()).to.have.length(1);
      const before = missed;
      mock.timers.tick(PAUSE_MS);
      await admin.query(`NOTIFY one, 'said'`);
      await until(async () => heard > 0);
      expect(missed).to.equal(before);
    } finally {
      await listener.close();
    }
    try {
      // None is left that nobody knows of.
      await until(async () => (await others()).length === 0);
      expect(heard).to.equal(1);
    } finally {
      await admin.end();
    }
  });

  it('is given up where the server takes it and says nothing', async function () {
    this.timeout(10_000);
    const sockets: Socket[] = [];
    const server = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    mock.timers.enable({ apis: ['setTimeout'] });
    const { port } = server.address() as AddressInfo;
    const listener = new Listener({ host: '127.0.0.1', port, user: 'school', database: 'school' }, logger);
    const listening = listener.listen(
      'one',
      () => {},
      () => {},
    );
    await once(server, 'connection');
    mock.timers.tick(LONG_MS);
    await listening;
    await listener.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
});

async function until(isSo: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 10_000;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`it never came to be so: ${isSo}`);
    await tick();
  }
}
