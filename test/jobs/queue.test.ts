import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import type { Database } from '../../src/database/index.js';
import { JobQueue, type QueueOptions, TryLater, type WorkOptions } from '../../src/jobs/index.js';
import { createLogger } from '../../src/observability/index.js';
import { quietDatabase } from '../support/quiet-database.js';
import { until } from '../support/until.js';

interface Numbered {
  n: number;
}

describe('the job queue', () => {
  let database: Database;
  let jobs: JobQueue;

  before(async () => {
    database = await quietDatabase();
    jobs = await startQueue(database);
  });

  after(() => jobs.stop(1_000));

  /** A queue of its own, and what its handler was given. */
  async function newQueue(
    options: QueueOptions = {},
    handle: (data: Numbered, attempt: number) => Promise<void> | void = () => {},
    work: WorkOptions = { concurrency: 1 },
  ) {
    const name = `test-${randomUUID()}`;
    const done: Numbered[] = [];
    const begun: Numbered[] = [];
    await jobs.define(name, options);
    const start = () =>
      jobs.work<Numbered>(name, work, async (data, { attempt }) => {
        begun.push(data);
        await handle(data, attempt);
        done.push(data);
      });
    return { name, done, begun, start };
  }

  it('does a job at once, not when its workers look for one', async () => {
    const { name, done, start } = await newQueue();
    await start();
    // The first look of a worker is at once: after it, it waits to be woken.
    await jobs.send(name, { n: 1 });
    await until(() => done.length === 1);
    const sent = performance.now();
    await jobs.send(name, { n: 2 });
    await until(() => done.length === 2);
    expect(performance.now() - sent).to.be.below(1_500);
    expect(done).to.deep.equal([{ n: 1 }, { n: 2 }]);
  });

  it('does a job exactly when the transaction it was sent in is committed', async () => {
    const { name, done, start } = await newQueue();
    await start();
    await database
      .transaction(async () => {
        await jobs.send(name, { n: 1 });
        throw new Error('taken back');
      })
      .catch(() => undefined);
    await database.transaction(async () => {
      await jobs.send(name, { n: 2 });
    });
    await until(() => done.length > 0);
    expect(done).to.deep.equal([{ n: 2 }]);
  });

  it('takes one job of a singleton key as long as that waits or is under way, and the next after it', async () => {
    const { name, done, start } = await newQueue({ once: true });
    const first = await jobs.send(name, { n: 1 }, { singletonKey: 'a' });
    const second = await jobs.send(name, { n: 2 }, { singletonKey: 'a' });
    expect([typeof first, second]).to.deep.equal(['string', undefined]);
    await start();
    await until(() => done.length === 1);
    await until(async () => (await jobs.send(name, { n: 3 }, { singletonKey: 'a' })) !== undefined);
    await until(() => done.length === 2);
    expect(done).to.deep.equal([{ n: 1 }, { n: 3 }]);
  });

  it('adds many jobs at once, of each singleton key one, and none that waits already', async () => {
    const { name, done, start } = await newQueue({ once: true });
    await jobs.send(name, { n: 1 }, { singletonKey: 'a' });
    const keys = ['a', 'b', 'b', 'c'];
    await jobs.sendAll(
      name,
      keys.map((singletonKey, nth) => ({ data: { n: nth + 2 }, options: { singletonKey } })),
    );
    await jobs.sendAll(name, []);
    await start();
    await until(() => done.length === 3);
    expect(done).to.have.deep.members([{ n: 1 }, { n: 3 }, { n: 5 }]);
  });

  it('tries a job again whose handler throws, as often as the queue says', async () => {
    const attempts: number[] = [];
    const { name, start } = await newQueue({ retryLimit: 2 }, (_, attempt) => {
      attempts.push(attempt);
      throw new Error('no');
    });
    await start();
    await jobs.send(name, { n: 1 });
    await until(() => attempts.length === 3);
    const { name: other, done, start: startOther } = await newQueue();
    await startOther();
    await jobs.send(other, { n: 1 });
    await until(() => done.length === 1);
    expect(attempts).to.deep.equal([1, 2, 3]);
  });

  it('tries a job again after the time that its handler asks for', async () => {
    const at: number[] = [];
    const { name, start } = await newQueue({ retryLimit: 5 }, () => {
      at.push(performance.now());
      if (at.length === 1) throw new TryLater(1, 'the school is closed');
    });
    await start();
    await jobs.send(name, { n: 1 });
    await until(() => at.length === 2);
    expect((at[1] as number) - (at[0] as number)).to.be.above(900);
  });

  it('begins jobs of a higher priority first', async () => {
    const { name, done, start } = await newQueue();
    for (const n of [1, 3, 2]) await jobs.send(name, { n }, { priority: n });
    await start();
    await until(() => done.length === 3);
    expect(done.map(({ n }) => n)).to.deep.equal([3, 2, 1]);
  });

  it('lets the jobs of a group that is full wait, and those of others begin', async () => {
    let finish = () => {};
    const finished = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const { name, begun, done, start } = await newQueue({}, ({ n }) => (n === 1 ? finished : undefined), {
      concurrency: 2,
      groupConcurrency: 1,
    });
    await jobs.send(name, { n: 1 }, { group: 'a' });
    await start();
    await until(() => begun.length === 1);
    for (const n of [2, 3]) await jobs.send(name, { n }, { group: 'a' });
    await jobs.send(name, { n: 4 }, { group: 'b' });
    await until(() => done.length === 1);
    expect(begun.map(({ n }) => n)).to.deep.equal([1, 4]);
    finish();
    await until(() => done.length === 4);
  });

  it('does as many jobs of a group at once as these say', async () => {
    let finish = () => {};
    const finished = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const { name, begun, done, start } = await newQueue({}, ({ n }) => (n < 10 ? finished : undefined), {
      concurrency: 4,
      groupConcurrency: 'as sent',
    });
    for (const n of [1, 2]) await jobs.send(name, { n }, { group: 'a', groupLimit: 2 });
    await start();
    await until(() => begun.length === 2);
    await jobs.send(name, { n: 11 }, { group: 'a', groupLimit: 2 });
    for (const n of [12, 13]) await jobs.send(name, { n }, { group: 'b' });
    await until(() => done.length === 2);
    expect(done.map(({ n }) => n)).to.have.members([12, 13]);
    finish();
    await until(() => done.length === 5);
  });

  it('begins a job before its time when somebody hastens it', async () => {
    const { name, done, start } = await newQueue({ once: true });
    await jobs.send(name, { n: 1 }, { singletonKey: 'a', startAfter: 3_600 });
    await start();
    await jobs.hasten(name, 'a');
    await until(() => done.length === 1);
  });

  it('goes on with the jobs that its process left, and ends while one is under way', async () => {
    const own = await quietDatabase();
    const first = await startQueue(own);
    await first.define('left', { retryLimit: 5 });
    let begun = 0;
    await first.work('left', { concurrency: 1 }, async () => {
      begun += 1;
      await new Promise(() => {});
    });
    await first.send('left', { n: 1 });
    await until(() => begun === 1);
    await first.stop(1_000);
    const second = await startQueue(own);
    await second.define('left', { retryLimit: 5 });
    const done: Numbered[] = [];
    await second.work<Numbered>('left', { concurrency: 1 }, async (data) => {
      done.push(data);
    });
    await until(() => done.length === 1);
    expect(done).to.deep.equal([{ n: 1 }]);
    await second.stop(1_000);
  });
});

async function startQueue(database: Database): Promise<JobQueue> {
  const jobs = new JobQueue({ database, logger: createLogger({ level: 'silent' }) });
  await jobs.start();
  return jobs;
}
