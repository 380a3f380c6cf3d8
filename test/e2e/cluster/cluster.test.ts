import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import pg from 'pg';
import { testDatabaseUrl } from '../../support/database.js';
import { tempFolder } from '../../support/temp-folder.js';
import { until } from '../../support/until.js';
import { type Answer, Cluster, chanceOf, Receiver } from './cluster.js';
import { findPostgres, type OwnPostgres, startOwnPostgres } from './own-postgres.js';
import { AttendanceSchool, FileSchool, must } from './schools.js';

const SECONDS = Number(process.env.CLUSTER_SECONDS ?? 20);
const SEED = Number(process.env.CLUSTER_SEED ?? Date.now() % 1_000_000);
const PROCESSES = 3;
const SCHOOLS = 5;
/** Milliseconds that things may take to come to rest. */
const REST = 400_000;
const NOTHING = JSON.stringify({ runs: 0, webhooks: 0, events: 0, marks: 0, orders: 0 });

describe('three processes on one PostgreSQL, killed at random, as the database and a receiver of events are', () => {
  const chance = chanceOf(SEED);
  const fileSchools: FileSchool[] = [];
  const attendance = new AttendanceSchool();
  let postgres: OwnPostgres;
  let cluster: Cluster;
  let receiver: Receiver;
  let database: pg.Client;
  /** Those there were when all had come to rest, in their order. */
  let events: { id: string; stream: string }[];

  const query = async <T = Record<string, unknown>>(sql: string): Promise<T[]> =>
    (await database.query(sql)).rows as T[];
  const url = () => cluster.url(chance);

  before(async function () {
    this.timeout(SECONDS * 1_000 + REST);
    const bin = findPostgres();
    // Without it npm test would take as much longer on every machine.
    if (!testDatabaseUrl) return this.skip();
    if (!bin) {
      if (process.env.CI) throw new Error('CI needs the programs of PostgreSQL, 15 or later.');
      console.warn('SKIPPED: several processes on one database need the programs of PostgreSQL (initdb).');
      return this.skip();
    }
    console.log(`    CLUSTER_SEED=${SEED} CLUSTER_SECONDS=${SECONDS}`);
    const dataDir = await tempFolder();
    postgres = await startOwnPostgres(bin);
    receiver = new Receiver(await tempFolder());
    await receiver.start();
    cluster = new Cluster(dataDir, { DATABASE_URL: postgres.url });
    await cluster.start(PROCESSES);
    for (let nth = 0; nth < SCHOOLS; nth++) fileSchools.push(new FileSchool(join(dataDir, 'files')));
    for (const school of [...fileSchools, attendance]) await school.connect(url() as string, receiver.url);
    await live();
    await comeToRest();
    events = await query('SELECT id, stream_id AS stream FROM events ORDER BY position');
  });

  after(async () => {
    await database?.end();
    await cluster?.stop();
    await receiver?.kill();
    await attendance.close();
    await postgres?.stop();
  });

  /** Load and trouble, side by side, for so many seconds. */
  async function live(): Promise<void> {
    const end = performance.now() + SECONDS * 1_000;
    const goesOn = () => performance.now() < end;
    const work = [...fileSchools, attendance].map(async (school) => {
      while (goesOn()) {
        await school.work({ url, chance });
        await sleep(chance() * 150);
      }
    });
    const kills = async () => {
      while (goesOn()) {
        await sleep(500 + chance() * 2_500);
        const place = Math.floor(chance() * PROCESSES);
        await cluster.kill(place);
        await sleep(chance() * 500);
        await cluster.startAgain(place);
      }
    };
    const receiverCrashes = async () => {
      while (goesOn()) {
        await sleep(1_000 + chance() * 3_000);
        await receiver.kill();
        await sleep(chance() * 1_000);
        await receiver.start();
      }
    };
    const crash = async () => {
      await sleep(SECONDS * 500);
      await postgres.crash();
    };
    await Promise.all([...work, kills(), receiverCrashes(), crash()]);
  }

  /** Waits until nothing is left to be done; what would be tried again much later is due now. */
  async function comeToRest(): Promise<void> {
    database = new pg.Client({ connectionString: postgres.url });
    await database.connect();
    let left = '';
    // On a slow machine it takes its time; what stands still for a minute is stuck.
    const isFurther = async () => {
      await query(`UPDATE event_lanes SET due_at = now() WHERE due_at > now() + interval '2 s'`);
      await query(`UPDATE event_deliveries SET due_at = now() WHERE status = 'WAITING' AND due_at > now()`);
      await query(`UPDATE send_orders SET next_at = now() WHERE next_at > now() + interval '2 s'`);
      await query(`UPDATE received_webhooks SET due_at = now() WHERE status = 'WAITING' AND due_at > now()`);
      const now = JSON.stringify(await whatIsLeft());
      return now !== left || now === NOTHING;
    };
    try {
      while (left !== NOTHING) {
        await until(isFurther);
        left = JSON.stringify(await whatIsLeft());
      }
    } catch (cause) {
      const jobs = await query(
        `SELECT name, state, count(*)::int, min(start_after - now())::text AS "startsIn", max(retry_count) AS retries
         FROM pgboss.job WHERE state IN ('created', 'retry', 'active') GROUP BY 1, 2`,
      );
      const orders = await query(
        'SELECT attempts, last_reason, (next_at - now())::text AS due FROM send_orders',
      );
      throw new Error(`this never came to an end: ${left} ${JSON.stringify({ jobs, orders })}`, { cause });
    }
  }

  async function whatIsLeft(): Promise<Record<string, number>> {
    const [left] = await query<Record<string, number>>(`SELECT
      (SELECT count(*)::int FROM sync_runs WHERE status IN ('QUEUED', 'RUNNING')) AS runs,
      (SELECT count(*)::int FROM received_webhooks WHERE status IN ('WAITING', 'STARTED')) AS webhooks,
      (SELECT count(*)::int FROM event_deliveries WHERE status = 'WAITING') AS events,
      (SELECT count(*)::int FROM outbox_deliveries WHERE status = 'QUEUED') AS marks,
      (SELECT count(*)::int FROM send_orders) AS orders`);
    return left ?? {};
  }

  it('ends every run, and leaves no lease and no staged row', async () => {
    const statuses = await query<{ status: string; error: string | null; failures: unknown[] }>(
      `SELECT status, error, failures FROM sync_runs WHERE status NOT IN ('COMPLETED', 'PREVIEWED', 'DISCARDED')`,
    );
    // One on which three processes died is given up, with the reason of each.
    for (const { status, error, failures } of statuses) {
      expect(status, String(error)).to.equal('FAILED');
      expect(failures.length, String(error)).to.be.at.least(3);
    }
    expect(await query('SELECT * FROM sync_staged LIMIT 1')).to.deep.equal([]);
    expect(await query('SELECT * FROM leases WHERE expires_at > clock_timestamp() LIMIT 1')).to.deep.equal(
      [],
    );
  });

  it('does nothing twice: each person came in by one change of one run, and the feed makes the roster', async () => {
    const twice = await query(
      `SELECT c.integration_id, c.external_id, count(*) FROM sync_changes c
       JOIN sync_runs r ON r.integration_id = c.integration_id AND r.id = c.run_id
       WHERE r.applied_position IS NOT NULL AND c.action = 'CREATE' AND c.outcome IS NULL AND c.entity = 'STUDENT'
       GROUP BY 1, 2 HAVING count(*) > 1`,
    );
    expect(twice).to.deep.equal([]);
    for (const { institutionId } of [...fileSchools, attendance]) {
      const roster = await allOf(`/institutions/${institutionId}/students`);
      const { changes: feed } = await must(
        url() as string,
        'GET',
        `/institutions/${institutionId}/roster-changes?pageSize=1000`,
      );
      const creations = (feed as Record<string, string>[]).filter(
        ({ entity, action }) => entity === 'STUDENT' && action === 'CREATE',
      );
      expect(new Set(creations.map(({ entityId }) => entityId)).size).to.equal(creations.length);
      expect(creations.map(({ entityId }) => entityId)).to.have.members(roster.map(({ id }) => id));
    }
  });

  it('has the roster that the school has, and everybody whom a backend was told is there', async () => {
    for (const school of fileSchools) {
      const { success, errors } = await must(url() as string, 'POST', `/integrations/${school.id}/sync`, {
        entityType: 'STUDENT',
      });
      expect(success, JSON.stringify(errors)).to.equal(true);
      const mappings = await allOf(`/integrations/${school.id}/mappings`, 'entityType=STUDENT&');
      const roster = await allOf(`/institutions/${school.institutionId}/students`);
      const names = new Map(roster.map(({ id, familyName }) => [id, familyName]));
      const found = new Map(
        mappings.map(({ externalId, internalId }) => [externalId, names.get(internalId)]),
      );
      expect([...found].sort()).to.deep.equal([...school.rows()].sort());
      expect(roster.map(({ id }) => id)).to.include.members(school.people);
    }
  });

  it('tells each event that was committed at least once under its id, none that was not, in the order of each integration', async () => {
    const received = receiver.received();
    const firstAt = new Map<string, number>();
    for (const [at, { id, event }] of received.entries()) {
      expect(event.id).to.equal(id);
      if (!firstAt.has(id)) firstAt.set(id, at);
    }
    expect(events.length).to.be.above(SCHOOLS);
    const missed = events.filter(({ id }) => !firstAt.has(id));
    expect(missed).to.deep.equal([]);
    const known = new Set((await query('SELECT id FROM events')).map(({ id }) => id));
    expect(received.map(({ id }) => id).filter((id) => !known.has(id))).to.deep.equal([]);
    const last = new Map<string, number>();
    for (const { id, stream } of events) {
      const at = firstAt.get(id) as number;
      expect(at, `event ${id} of ${stream}`).to.be.above(last.get(stream) ?? -1);
      last.set(stream, at);
    }
    const ended = await query(
      `SELECT data->>'runId' AS run FROM events WHERE type = 'sync.completed' GROUP BY 1 HAVING count(*) > 1`,
    );
    expect(ended).to.deep.equal([]);
  });

  it('keeps every webhook that it took, and does what it says', async () => {
    const taken = fileSchools.flatMap(({ webhooks }) => webhooks);
    const kept = await query<{ id: string }>(
      `SELECT webhook_id AS id FROM received_webhooks WHERE status = 'DONE' AND kind = 'WEBHOOK'`,
    );
    expect(taken.length).to.be.above(0);
    expect(kept.map(({ id }) => id)).to.include.members(taken);
  });

  it('brings the attendance of every closed session to the school, as it was recorded', () => {
    const arrived = new Map([...attendance.gateway.marks].map(([key, { estado }]) => [key, estado]));
    const names: Record<string, string> = { PRESENT: 'PRESENTE', ABSENT: 'AUSENTE' };
    expect(attendance.expected.size).to.be.above(0);
    for (const [key, status] of attendance.expected) expect(arrived.get(key), key).to.equal(names[status]);
  });

  /** A list that fits on one page. */
  async function allOf(path: string, query = ''): Promise<Answer['body'][]> {
    const items = await must(url() as string, 'GET', `${path}?${query}pageSize=1000`);
    expect(items.length, 'a page').to.be.below(1_000);
    return items;
  }
});
