import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { expect } from 'chai';
import { useFakeTimers } from 'sinon';
import { SendingLease } from '../../src/attendance/sending-lease.js';
import { IntegrationProvider } from '../../src/connectors/index.js';
import { ServiceError } from '../../src/errors.js';
import { testDatabaseUrl } from '../support/database.js';
import { leasesOfAProcess, sharedByProcesses } from '../support/process.js';
import { refuseWrites } from '../support/refuse-writes.js';
import { newIntegration, sharedServices } from '../support/services.js';
import { until } from '../support/until.js';

interface ProcessOptions {
  timing?: Parameters<typeof leasesOfAProcess>[1];
  patienceMs?: number;
  /** Whether no other process exists. */
  soleProcess?: boolean;
  /** What becomes of renewals, instead of what should. */
  renew?: () => Promise<number>;
}

/** Processes that may take the lease of one session. */
async function contended() {
  const { database } = await sharedServices();
  const { integrationId } = await newIntegration(IntegrationProvider.GENERIC_CSV, { importPath: 'x' });
  const sessionId = randomUUID();
  const newProcess = ({ soleProcess, timing, patienceMs, renew }: ProcessOptions = {}) => {
    const seen = sharedByProcesses(database, {
      ...(renew && { executeApart: renew }),
      ...(soleProcess && { isExclusive: true }),
    });
    const options = {
      database,
      leases: leasesOfAProcess(seen, timing),
      integrationId,
      sessionId,
      patienceMs,
    };
    return () => ({ run: <T>(work: (lease: SendingLease) => Promise<T>) => SendingLease.run(options, work) });
  };
  return { newProcess, database, integrationId, sessionId };
}

/** Over as soon as it is taken. */
const OVER = { ttlSeconds: -1, renewSeconds: 60 };
const IMPATIENT = { patienceMs: -1 };

async function reasonOf(call: Promise<unknown>): Promise<string> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).to.be.instanceOf(ServiceError);
  return (error as ServiceError).reason;
}

function reason(call: () => void): unknown {
  try {
    call();
    return undefined;
  } catch (error) {
    return error;
  }
}

describe('the lease of a sending', () => {
  it('keeps others away, tells them after their patience, and is free when the work has ended or failed', async () => {
    const { newProcess } = await contended();
    const newLease = newProcess();
    const other = newProcess(IMPATIENT);
    await newLease().run(async (lease) => {
      await lease.assertHeld();
      lease.assertNotExpired();
      expect(await reasonOf(other().run(async () => {}))).to.equal('SENDING_IN_PROGRESS');
    });
    expect(await other().run(async () => 1)).to.equal(1);
    await other()
      .run(async () => Promise.reject(new Error('failed')))
      .catch(() => {});
    expect(await newLease().run(async () => 2)).to.equal(2);
  });

  it('that cannot be released at once is released later, where no lease runs out', async () => {
    const { newProcess, database, integrationId } = await contended();
    const newLease = newProcess({ soleProcess: true, patienceMs: 20_000 });
    const free = await refuseWrites(database, {
      times: 2,
      code: '53100',
      when: `DELETE ON leases FOR EACH ROW WHEN (OLD.integration_id = '${integrationId}')`,
    });
    try {
      expect(await newLease().run(async () => 1)).to.equal(1);
      expect(await newLease().run(async () => 2)).to.equal(2);
    } finally {
      await free();
    }
  });

  it('that ran out is taken by another process; the first may write nothing and its signal is aborted', async () => {
    const { newProcess, database } = await contended();
    await newProcess({ timing: OVER })().run(async (lease) => {
      await lease.assertHeld();
      await newProcess()().run(async () => {
        const write = database.transaction(async () => {
          await lease.assertHeld();
          throw new Error('wrote');
        });
        expect(await reasonOf(write)).to.equal('SENDING_TAKEN_OVER');
        expect(lease.signal.aborted).to.equal(true);
      });
    });
  });

  it('that ran out is not taken while its holder writes: who takes it waits for the end of the transaction', async function () {
    // The embedded database has one session, and its transactions are alone anyway.
    if (!testDatabaseUrl) return this.skip();
    const { newProcess, database } = await contended();
    const order: string[] = [];
    const waiting = `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
    await newProcess({ timing: OVER })().run(async (lease) => {
      let enter!: () => void;
      let leave!: () => void;
      const entered = new Promise<void>((resolve) => {
        enter = resolve;
      });
      const held = new Promise<void>((resolve) => {
        leave = resolve;
      });
      const writing = database.transaction(async () => {
        await lease.assertHeld();
        enter();
        await held;
        order.push('written');
      });
      await entered;
      const taking = newProcess()().run(async () => order.push('taken'));
      while (order.length === 0 && (await database.query(waiting)).length === 0);
      leave();
      await Promise.all([writing, taking]);
    });
    expect(order).to.deep.equal(['written', 'taken']);
  });

  it('that ran out by the clock may not be sent under, though nobody has taken it', async () => {
    const { newProcess } = await contended();
    await newProcess({ timing: OVER })().run(async (lease) => {
      expect(() => lease.assertNotExpired()).to.throw(ServiceError);
      expect(lease.signal.aborted).to.equal(true);
    });
  });

  it('that ran out may not be sent under, though the clock was set back meanwhile', async () => {
    const { newProcess } = await contended();
    const renew = () => new Promise<number>(() => {});
    await newProcess({ timing: { ttlSeconds: 0.1, renewSeconds: 60 }, renew })().run(async (lease) => {
      const clock = useFakeTimers({ now: Date.now() - 3_600_000, toFake: ['Date'] });
      try {
        await until(() => reason(() => lease.assertNotExpired()) instanceof ServiceError);
      } finally {
        clock.restore();
      }
    });
  });

  it('is never taken over inside its own process, however late it is', async () => {
    const { newProcess } = await contended();
    const newLease = newProcess({ ...IMPATIENT, soleProcess: true });
    await newLease().run(async (lease) => {
      expect(await reasonOf(newLease().run(async () => {}))).to.equal('SENDING_IN_PROGRESS');
      lease.assertNotExpired();
      await lease.assertHeld();
    });
  });

  it('whose renewal hangs asks no second time meanwhile, and ends the work by the clock', async () => {
    const { newProcess } = await contended();
    let renewals = 0;
    const renew = () => {
      renewals += 1;
      return new Promise<number>(() => {});
    };
    await newProcess({ timing: { ttlSeconds: 0.1, renewSeconds: 0.005 }, renew })().run(
      async ({ signal }) => {
        await once(signal, 'abort');
        expect(signal.reason).to.be.instanceOf(ServiceError);
      },
    );
    expect(renewals).to.equal(1);
  });

  it('whose renewal fails is asked for again until it is renewed', async () => {
    const { newProcess } = await contended();
    let renewals = 0;
    let done!: () => void;
    const renewed = new Promise<void>((resolve) => {
      done = resolve;
    });
    const renew = async () => {
      renewals += 1;
      if (renewals < 3) throw new Error('the database is away');
      done();
      return 1;
    };
    await newProcess({ timing: { renewSeconds: 0.005 }, renew })().run(async (lease) => {
      await renewed;
      await lease.assertHeld();
    });
  });

  it('is not made again by a renewal that comes after its end', async () => {
    const { newProcess, database, integrationId } = await contended();
    await newProcess({ timing: { renewSeconds: 0.001 } })().run(async (lease) => {
      for (let look = 0; look < 5; look += 1) await lease.assertHeld();
    });
    // Queued behind whatever is still under way on the embedded database, and of no effect on it elsewhere.
    for (let look = 0; look < 5; look += 1) {
      const rows = await database.query('SELECT owner FROM leases WHERE integration_id = $1', [
        integrationId,
      ]);
      expect(rows).to.deep.equal([]);
    }
  });
});
