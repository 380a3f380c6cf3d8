import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import pg from 'pg';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../../src/database/embedded/index.js';
import { createLogger } from '../../../src/observability/index.js';
import { layEmbeddedDatabase } from '../../support/embedded-template.js';
import { tempFolder } from '../../support/temp-folder.js';
import { until } from '../../support/until.js';

const logger = createLogger({ level: 'silent' });

/** What a client talks through. */
function wireOf(client: pg.Client): { stream: Socket } {
  return (client as unknown as { connection: { stream: Socket } }).connection;
}

/** The messages of the protocol in some bytes. */
function split(bytes: Buffer): Buffer[] {
  const messages: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 1 + bytes.readInt32BE(at + 1);
    messages.push(bytes.subarray(at, end));
    at = end;
  }
  return messages;
}

function withoutSync(bytes: Buffer): Buffer {
  return Buffer.concat(split(bytes).filter(([kind]) => kind !== 'S'.charCodeAt(0)));
}

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
    wireOf(cut).stream.destroy();
    expect((await next.query('SELECT count(*)::int AS n FROM cut')).rows).to.deep.equal([{ n: 0 }]);
    await next.end();
  });

  it('does a statement whose messages come one by one, while another client asks', async () => {
    const [slow, other] = [await connect(), await connect()];
    const { stream } = wireOf(slow);
    const written: Buffer[] = [];
    const write = stream.write.bind(stream);
    stream.write = (chunk: Buffer) => {
      written.push(chunk);
      return true;
    };
    const asked = slow.query('SELECT $1::int + 1 AS n', [41]);
    await until(() => written.length > 0);
    const messages = split(Buffer.concat(written));
    expect(messages.map(([kind]) => String.fromCharCode(kind as number)).join('')).to.equal('PBDES');
    stream.write = write;
    for (const message of messages) {
      await new Promise((done) => stream.write(message, done));
      expect((await other.query('SELECT $1::int AS m', [1])).rows).to.deep.equal([{ m: 1 }]);
    }
    expect((await asked).rows).to.deep.equal([{ n: 42 }]);
    await Promise.all([slow.end(), other.end()]);
  });

  it('does nothing of a statement whose client left in the middle of it', async () => {
    const client = await connect();
    await client.query('CREATE TABLE halves (n int)');
    const { stream } = wireOf(client);
    const write = stream.write.bind(stream);
    stream.write = (chunk: Buffer) => write(withoutSync(chunk));
    client.query('INSERT INTO halves VALUES ($1)', [1]).catch(() => {});
    // What was written is read before anything that comes later.
    await new Promise((done) => write(Buffer.alloc(0), done));
    stream.destroy();
    await once(stream, 'close');
    const next = await connect();
    expect((await next.query('SELECT $1::int AS n', [7])).rows).to.deep.equal([{ n: 7 }]);
    expect((await next.query('SELECT * FROM halves')).rows).to.deep.equal([]);
    await next.end();
  });

  it('goes on after a statement with parameters that failed, and sends rows in portions', async () => {
    const client = await connect();
    const failure = await client.query('SELECT 1 / $1::int', [0]).catch((error: Error) => error);
    expect(failure).to.have.property('message', 'division by zero');
    // Between two portions the client sends a Flush, and no Sync.
    const inPortions = { text: 'SELECT generate_series(1, $1::int) AS n', values: [5], rows: 2 };
    expect((await client.query(inPortions)).rows.map(({ n }) => n)).to.deep.equal([1, 2, 3, 4, 5]);
    const large = 'x'.repeat(1_000_000);
    expect((await client.query('SELECT $1::text AS t', [large])).rows).to.deep.equal([{ t: large }]);
    await client.end();
  });

  it('answers the end of a transaction before it begins with the long statement of another client', async () => {
    const [client, other] = [await connect(), await connect()];
    await client.query('BEGIN');
    // It waits for the transaction.
    const long = other.query('SELECT count(*) FROM generate_series(1, $1::int)', [300_000]);
    const ended = performance.now();
    await client.query('COMMIT');
    const waited = performance.now() - ended;
    await long;
    expect(waited).to.be.lessThan((performance.now() - ended) / 2);
    await client.end();
    await other.end();
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
