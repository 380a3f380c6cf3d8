import { randomUUID } from 'node:crypto';
import { setImmediate as tick } from 'node:timers/promises';
import { expect } from 'chai';
import pg from 'pg';
import { type Database, type Lease, Leases } from '../../src/database/index.js';
import { createLogger } from '../../src/observability/index.js';
import { RosterService } from '../../src/roster/index.js';
import { testDatabaseUrl } from '../support/database.js';
import { quietDatabase } from '../support/quiet-database.js';

const logger = createLogger({ level: 'silent' });

describe('a lease', () => {
  let database: Database;
  before(async () => {
    database = await quietDatabase({ poolSize: 5 });
  });

  const newKey = () => ({ integrationId: randomUUID(), resource: `run:${randomUUID()}` });
  const newProcess = (ttlSeconds = 15) => new Leases({ database, logger, ttlSeconds });
  const expire = () =>
    database.execute(`UPDATE leases SET expires_at = clock_timestamp() - interval '1 second'`);
  const reasonOf = (work: Promise<unknown>) =>
    work.then(
      () => 'done',
      (error: { reason?: string }) => error.reason,
    );
  const holders = async (integrationId: string) => {
    const rows = await database.query<{ owner: string }>(
      'SELECT owner FROM leases WHERE integration_id = $1',
      [integrationId],
    );
    return rows.map(({ owner }) => owner);
  };

  /** What the second process gets from a lease of the first in each state. */
  const STATES: {
    state: string;
    make: (lease: Lease) => Promise<unknown>;
    force?: boolean;
    taken: boolean;
  }[] = [
    { state: 'held', make: async () => {}, taken: false },
    { state: 'held, and taken by force', make: async () => {}, force: true, taken: true },
    { state: 'over', make: expire, taken: true },
    { state: 'released', make: (lease) => lease.release(), taken: true },
    { state: 'abandoned', make: (lease) => lease.abandon(), taken: true },
  ];
  for (const { state, make, force = false, taken } of STATES) {
    it(`that is ${state} is ${taken ? '' : 'not '}taken by another process, and then the first writes nothing`, async () => {
      const [first, second, key] = [newProcess(), newProcess(), newKey()];
      const lease = (await first.take(key)) as Lease;
      await make(lease);
      const next = await second.take(key, { force });
      expect(next !== undefined).to.equal(taken);
      expect(await reasonOf(lease.assertHeld())).to.equal(taken ? 'LEASE_LOST' : 'done');
      const write = () =>
        database.execute('UPDATE leases SET resource = resource WHERE integration_id = $1', [
          key.integrationId,
        ]);
      expect(await reasonOf(lease.transaction(write))).to.equal(taken ? 'LEASE_LOST' : 'done');
      expect(await holders(key.integrationId)).to.deep.equal([(next ?? lease).owner]);
      // Whatever the first does at its end, the other's stays.
      await lease.release();
      expect(await holders(key.integrationId)).to.deep.equal(next ? [next.owner] : []);
    });
  }

  it('that is over and of the same process is not taken by it a second time', async () => {
    const [first, key] = [newProcess(), newKey()];
    const lease = (await first.take(key)) as Lease;
    await expire();
    expect(await first.take(key)).to.equal(undefined);
    await lease.release();
    expect(await first.take(key)).not.to.equal(undefined);
  });

  it('that is over is taken by one of many processes', async () => {
    const key = newKey();
    await newProcess().take(key);
    await expire();
    const taken = await Promise.all(Array.from({ length: 8 }, () => newProcess().take(key)));
    expect(taken.filter((lease) => lease !== undefined)).to.have.length(1);
  });

  it('that is lost in a transaction takes with it what the transaction wrote', async () => {
    const [first, second, key] = [newProcess(), newProcess(), newKey()];
    const lease = (await first.take(key)) as Lease;
    const other = newKey();
    await second.take(key, { force: true });
    const write = async () => {
      await first.take(other);
    };
    expect(await reasonOf(lease.transaction(write))).to.equal('LEASE_LOST');
    expect(await holders(other.integrationId)).to.deep.equal([]);
  });

  it('that is lost ends a wait at once, whatever the work waits for', async () => {
    const [first, key] = [newProcess(), newKey()];
    const lease = (await first.take(key)) as Lease;
    const waiting = reasonOf(lease.race(new Promise(() => {})));
    await newProcess().take(key, { force: true });
    expect(await reasonOf(lease.assertHeld())).to.equal('LEASE_LOST');
    expect(await waiting).to.equal('LEASE_LOST');
    expect(await reasonOf(lease.race(Promise.resolve(1)))).to.equal('LEASE_LOST');
  });

  it('of a transaction that is rolled back is nobody’s, and free to be taken by the same process', async () => {
    const [first, key] = [newProcess(), newKey()];
    const failed = database.transaction(async () => {
      await first.take(key);
      throw new Error('rolled back');
    });
    expect(await failed.catch((error: Error) => error.message)).to.equal('rolled back');
    expect(await first.take(key)).not.to.equal(undefined);
  });

  it('of a transaction whose commit was not answered is nobody’s: it runs out, and another process takes it', async function () {
    if (!testDatabaseUrl) this.skip();
    const [first, second, key] = [newProcess(0.3), newProcess(), newKey()];
    const asked = database.sequelize.getQueryInterface() as unknown as {
      commitTransaction?: (...given: unknown[]) => Promise<void>;
    };
    const commit = asked.commitTransaction as (...given: unknown[]) => Promise<void>;
    asked.commitTransaction = async (...given) => {
      await commit.apply(asked, given);
      throw new Error('Connection terminated unexpectedly');
    };
    try {
      const taken = database.transaction(() => first.take(key));
      expect(await taken.catch((error: { code: string }) => error.code)).to.equal('unavailable');
    } finally {
      delete asked.commitTransaction;
    }
    expect(await holders(key.integrationId)).to.have.length(1);
    expect(first.owners).to.deep.equal([]);
    await until(async () => (await second.take(key)) !== undefined);
  });

  it('is renewed while all connections wait, and the database counts as reachable', async function () {
    if (!testDatabaseUrl) this.skip();
    const [first, key] = [newProcess(0.3), newKey()];
    const lease = (await first.take(key)) as Lease;
    const locker = new pg.Client({ connectionString: await urlOf(database) });
    await locker.connect();
    try {
      await locker.query('BEGIN; LOCK TABLE students IN ACCESS EXCLUSIVE MODE');
      const waits = Array.from({ length: 12 }, () =>
        database.query('SELECT 1 FROM students LIMIT 1').catch(() => undefined),
      );
      const blocked = `SELECT count(*)::int AS n FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
        WHERE c.relname = 'students' AND NOT l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())`;
      await until(async () => (await locker.query(blocked)).rows[0].n === 5);
      const start = performance.now();
      expect(await database.isReachable()).to.equal(true);
      expect(performance.now() - start).to.be.lessThan(2_000);
      const expiry = async () =>
        String(
          (await locker.query('SELECT expires_at::text AS at FROM leases WHERE owner = $1', [lease.owner]))
            .rows[0].at,
        );
      const before = await expiry();
      await until(async () => (await expiry()) !== before);
      await locker.query('ROLLBACK');
      await Promise.all(waits);
      await lease.assertHeld();
    } finally {
      await locker.end();
      await lease.release();
    }
  });

  it('notices by itself that another has it', async function () {
    if (!testDatabaseUrl) this.skip();
    const [first, key] = [newProcess(0.3), newKey()];
    const lease = (await first.take(key)) as Lease;
    await newProcess().take(key, { force: true });
    expect(await reasonOf(lease.race(new Promise(() => {})))).to.equal('LEASE_LOST');
  });

  it('keeps nobody waiting: an edit behind an institution that another changes is told to come back', async function () {
    if (!testDatabaseUrl) this.skip();
    this.timeout(15_000);
    const institutionId = randomUUID();
    const roster = new RosterService(database);
    const locker = new pg.Client({ connectionString: await urlOf(database) });
    await locker.connect();
    try {
      await locker.query('BEGIN');
      await locker.query('SELECT pg_advisory_xact_lock(hashtextextended($1::uuid::text, 0))', [
        institutionId,
      ]);
      const start = performance.now();
      const put = database.inLane('put', () =>
        roster.putStudent(institutionId, randomUUID(), { givenName: 'Ana' }),
      );
      const error = await put.catch((thrown: unknown) => thrown);
      expect(error).to.deep.include({ code: 'aborted', reason: 'BUSY' });
      expect((error as { metadata: object }).metadata).to.deep.equal({ retryAfterSeconds: '5' });
      expect(performance.now() - start)
        .to.be.greaterThan(4_000)
        .and.lessThan(9_000);
    } finally {
      await locker.end();
    }
    await roster.putStudent(institutionId, randomUUID(), { givenName: 'Ana' });
  });
});

async function urlOf(database: Database): Promise<string> {
  const [row] = await database.query<{ name: string }>('SELECT current_database() AS name');
  const url = new URL(testDatabaseUrl as string);
  url.pathname = `/${row?.name}`;
  return url.href;
}

async function until(check: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 8_000;
  while (!(await check())) {
    if (performance.now() > end) throw new Error('it never came to be so');
    await tick();
  }
}
