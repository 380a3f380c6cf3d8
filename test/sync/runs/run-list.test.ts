import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { MappingEntityType } from '../../../src/connectors/index.js';
import { type Database, IntegrationModel } from '../../../src/database/index.js';
import { type RunFilter, runList } from '../../../src/sync/runs/run-list.js';
import { RunStore } from '../../../src/sync/runs/run-store.js';
import { testDatabaseUrl } from '../../support/database.js';
import { quietDatabase } from '../../support/quiet-database.js';

const FIRST = Date.parse('2026-01-01T00:00:00Z');
const MINUTE = 60_000;
/** Runs of all integrations together; the table is some 8,000 pages then. */
const MANY = 100_000;

async function newIntegration(database: Database, provider: string, institutionId = randomUUID()) {
  const id = randomUUID();
  const settings = { config: {}, policy: {}, credentials: 'v1.k1.x', credentialFields: [], status: 'ACTIVE' };
  await database.repository(IntegrationModel).create({ id, institutionId, provider, ...settings });
  return { id, institutionId };
}

/** `count` runs of an integration, one a minute, from `start` minutes on. */
async function addRuns(
  database: Database,
  of: { id: string; institutionId: string },
  { status = 'COMPLETED', entityType = 'STUDENT', count = 1, start = 0, step = 1 },
): Promise<void> {
  await database.execute(
    `INSERT INTO sync_runs (integration_id, id, institution_id, entity_type, status, stage, counts,
       membership_counts, started_at, evidence)
     SELECT $1, gen_random_uuid(), $2, $3, $4, 'REPORT', '{"read":300,"created":0,"unchanged":300}',
       '{"read":450,"created":0,"unchanged":450}', $5::timestamptz + make_interval(mins => $8::int * n),
       jsonb_build_object('pages', 4, 'gaps', jsonb_build_array(repeat('x', 300)))
     FROM generate_series($6::int, $6::int + $7::int - 1) AS n`,
    [of.id, of.institutionId, entityType, status, new Date(FIRST), start, count, step],
  );
}

describe('the list of runs over all integrations', () => {
  let database: Database;
  let runs: RunStore;

  before(async () => {
    database = await quietDatabase();
    runs = new RunStore(database);
  });
  after(() => database.close());

  it('has those that fit, by status, provider, entity type, institution and time, newest first', async () => {
    const csv = await newIntegration(database, 'GENERIC_CSV');
    const moodle = await newIntegration(database, 'MOODLE');
    await addRuns(database, csv, { count: 3 });
    await addRuns(database, csv, { status: 'HELD', entityType: 'ALL', start: 3 });
    await addRuns(database, moodle, { status: 'FAILED', start: 4, count: 2 });
    const found = async (filter: RunFilter) =>
      (await runs.list(undefined, filter)).items.map(({ startedAt, provider, status }) => [
        (startedAt.getTime() - FIRST) / MINUTE,
        provider,
        status,
      ]);
    expect(await found({})).to.deep.equal([
      [5, 'MOODLE', 'FAILED'],
      [4, 'MOODLE', 'FAILED'],
      [3, 'GENERIC_CSV', 'HELD'],
      [2, 'GENERIC_CSV', 'COMPLETED'],
      [1, 'GENERIC_CSV', 'COMPLETED'],
      [0, 'GENERIC_CSV', 'COMPLETED'],
    ]);
    const minutes = async (filter: RunFilter) => (await found(filter)).map(([minute]) => minute);
    expect(await minutes({ status: 'HELD' })).to.deep.equal([3]);
    expect(await minutes({ provider: 'moodle' })).to.deep.equal([5, 4]);
    expect(await minutes({ provider: 'MOODLE', status: 'COMPLETED' })).to.deep.equal([]);
    expect(await minutes({ entityType: 'ALL' })).to.deep.equal([3]);
    expect(await minutes({ institutionId: csv.institutionId, status: 'COMPLETED' })).to.deep.equal([2, 1, 0]);
    const startedFrom = new Date(FIRST + MINUTE);
    const startedBefore = new Date(FIRST + 4 * MINUTE);
    expect(await minutes({ startedFrom, startedBefore })).to.deep.equal([3, 2, 1]);
    expect((await runs.list(moodle.id, { status: 'FAILED' })).items).to.have.length(2);
    expect((await runs.list(moodle.id, { provider: 'GENERIC_CSV' })).items).to.deep.equal([]);
  });

  it('goes on from page to page where it was, whatever begins or ends meanwhile', async () => {
    const some = await newIntegration(database, 'PAGED');
    await addRuns(database, some, { count: 7 });
    const seen: number[] = [];
    let pageToken: string | undefined;
    do {
      const page = await runs.list(undefined, { provider: 'PAGED', pageSize: 3, pageToken });
      seen.push(...page.items.map(({ startedAt }) => (startedAt.getTime() - FIRST) / MINUTE));
      // Newer than all: it moves no page.
      await addRuns(database, some, { start: 100 + seen.length });
      pageToken = page.nextPageToken;
    } while (pageToken);
    expect(seen).to.deep.equal([6, 5, 4, 3, 2, 1, 0]);
  });

  it('reads a small part of 100,000 runs for a page, with and without statistics', async function () {
    // The plans are those of PostgreSQL; the embedded database has the same planner, and is slow to fill.
    if (!testDatabaseUrl) this.skip();
    const [common, rare] = await Promise.all([
      newIntegration(database, 'GENERIC_CSV'),
      newIntegration(database, 'RARE'),
    ]);
    await addRuns(database, common, { count: MANY });
    await addRuns(database, common, { status: 'FAILED', entityType: 'GROUP', count: 500, step: 200 });
    await addRuns(database, rare, { count: 300, step: 300 });
    await addRuns(database, rare, { status: 'HELD', entityType: 'ALL', count: 5, step: 20_000 });
    const [size] = await database.query<{ pages: number }>(
      `SELECT (pg_relation_size('sync_runs') / 8192)::int AS pages`,
    );
    const page = Buffer.from(JSON.stringify(['2026-02-01T00:00:00.000000Z', randomUUID()]));
    type Filter = RunFilter & { id?: string; pageToken?: string };
    const pageOnly: Filter[] = [
      {},
      { pageToken: page.toString('base64url') },
      { status: 'COMPLETED' },
      { status: 'HELD' },
      { status: 'FAILED', pageToken: page.toString('base64url') },
      { provider: 'RARE' },
      { provider: 'RARE', status: 'FAILED' },
      { provider: 'GENERIC_CSV', status: 'HELD' },
      { provider: 'GENERIC_CSV', status: 'FAILED', entityType: MappingEntityType.GROUP },
      { institutionId: rare.institutionId },
      { startedFrom: new Date(FIRST + 5_000 * MINUTE), startedBefore: new Date(FIRST + 5_050 * MINUTE) },
    ];
    // Of these the index is gone through that has the columns, and no row that does not fit.
    const indexOnly: Filter[] = [
      { entityType: 'ALL' },
      { entityType: MappingEntityType.TEACHER },
      { status: 'COMPLETED', entityType: MappingEntityType.TEACHER },
      { institutionId: common.institutionId, status: 'HELD' },
      { id: common.id, status: 'HELD' },
    ];
    for (const withStatistics of [false, true]) {
      if (withStatistics) await database.execute('ANALYZE sync_runs');
      for (const filter of [...pageOnly, ...indexOnly]) {
        const { text, values } = runList(filter.id, filter, 101);
        const lines = await database.query<{ 'QUERY PLAN': string }>(
          `EXPLAIN (ANALYZE, BUFFERS, TIMING OFF) ${text}`,
          values,
        );
        const plan = lines.map((line) => line['QUERY PLAN']).join('\n');
        const told = `${JSON.stringify(filter)}${withStatistics ? ' with statistics' : ''}\n${plan}`;
        expect(plan, told).to.not.match(/Seq Scan on sync_runs|Sort Key/);
        const [, hit = '0', read = '0'] = /Buffers: shared(?: hit=(\d+))?(?: read=(\d+))?/.exec(plan) ?? [];
        const most = pageOnly.includes(filter) ? 100 : (size?.pages as number) / 3;
        expect(Number(hit) + Number(read), told).to.be.below(most);
      }
    }
  });
});
