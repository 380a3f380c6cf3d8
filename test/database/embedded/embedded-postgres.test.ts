import { once } from 'node:events';
import type { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import pg from 'pg';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../../src/database/embedded/index.js';
import { createLogger } from '../../../src/observability/index.js';
import { layEmbeddedDatabase } from '../../support/embedded-template.js';
import { tempFolder } from '../../support/temp-folder.js';

const logger = createLogger({ level: 'silent' });

describe('the embedded PostgreSQL', () => {
  let embedded: EmbeddedPostgres;
  let dataDir: string;

  before(async () => {
    dataDir = await tempFolder();
    await layEmbeddedDatabase(dataDir);
    embedded = await startEmbeddedPostgres({ dataDir, logger });
  });

  after(() => embedded.stop());

  async function connect(): Promise<pg.Client> {
    const client = new pg.Client(embedded.connection);
    // A test cuts connections.
    client.on('error', () => {});
    await client.connect();
    return client;
  }

  it('serves an ordinary client: statements, parameters, transactions', async () => {
    const client = await connect();
    await client.query('CREATE TABLE served (n int)');
    await client.query('BEGIN');
    await client.query('INSERT INTO served VALUES ($1)', [1]);
    await client.query('ROLLBACK');
    await client.query('INSERT INTO served VALUES ($1)', [2]);
    expect((await client.query('SELECT n FROM served')).rows).to.deep.equal([{ n: 2 }]);
    await client.end();
  });

  it('rolls back what a client had open when its connection was cut', async () => {
    const [cut, next] = [await connect(), await connect()];
    await next.query('CREATE TABLE cut (n int)');
    await cut.query('BEGIN');
    await cut.query('INSERT INTO cut VALUES (1)');
    (cut as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
    expect((await next.query('SELECT count(*)::int AS n FROM cut')).rows).to.deep.equal([{ n: 0 }]);
    await next.end();
  });

  it('keeps what was written over a stop, in a folder whose path is too long for a socket too', async () => {
    const long = `${await tempFolder()}/${'x'.repeat(100)}`;
    await layEmbeddedDatabase(long);
    for (const rows of [0, 1]) {
      const server = await startEmbeddedPostgres({ dataDir: long, logger });
      const client = new pg.Client(server.connection);
      await client.connect();
      await client.query('CREATE TABLE IF NOT EXISTS kept (n int)');
      expect((await client.query('SELECT * FROM kept')).rows).to.have.length(rows);
      await client.query('INSERT INTO kept VALUES (1)');
      await client.end();
      await Promise.all([server.stop(), server.stop()]);
    }
  });

  it('refuses to be started twice in one folder', async () => {
    const refusal = await startEmbeddedPostgres({ dataDir, logger }).catch((error: Error) => error);
    expect(refusal).to.have.property('name', 'DataDirLockedError');
  });

  it('says once that its thread died, and can still be stopped and started again', async () => {
    const folder = await tempFolder();
    await layEmbeddedDatabase(folder);
    const failures: Error[] = [];
    const thread = once(process, 'worker') as Promise<[Worker]>;
    const server = await startEmbeddedPostgres({
      dataDir: folder,
      logger,
      onFailure: (error) => failures.push(error),
    });
    await (await thread)[0].terminate();
    await server.stop();
    expect(failures.map(({ message }) => message)).to.deep.equal(['the embedded database ended with code 1']);
    await (await startEmbeddedPostgres({ dataDir: folder, logger })).stop();
    expect(failures).to.have.length(1);
  });
});
