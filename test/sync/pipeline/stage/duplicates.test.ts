import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { type Lease, Leases } from '../../../../src/database/index.js';
import { createLogger } from '../../../../src/observability/index.js';
import { ENTITY_SPECS } from '../../../../src/roster/index.js';
import type { SyncRun } from '../../../../src/sync/index.js';
import { IssueLog } from '../../../../src/sync/issues/index.js';
import { matchStaged } from '../../../../src/sync/pipeline/stage/duplicates.js';
import { KnownDigests } from '../../../../src/sync/pipeline/stage/known-digests.js';
import type { StageOptions } from '../../../../src/sync/pipeline/stage/stage-options.js';
import { sharedServices } from '../../../support/services.js';

const digestOf = (n: number) => Buffer.from(n.toString(16).padStart(32, 'a'), 'hex');

/**
 * Twelve staged rows on lines 101 to 112: of 1 to 9 the id is mapped, of 1 to 7 with a digest. Rows with the
 * digests of 2, 5 and 7 were seen, that of 5 on a line behind the staged row.
 */
async function matchTwelve(slice: number) {
  const { database } = await sharedServices();
  const [integrationId, runId] = [randomUUID(), randomUUID()];
  const logger = createLogger({ level: 'silent' });
  const leases = new Leases({ database, logger, ttlSeconds: 60 });
  const lease = (await leases.take({ integrationId, resource: 'test' })) as Lease;
  await database.execute(
    `INSERT INTO integration_mappings (integration_id, entity_type, internal_id, external_id, digest)
     SELECT $1, 'STUDENT', gen_random_uuid(), n::text, CASE WHEN n <= 7 THEN lpad(to_hex(n), 32, 'a')::uuid END
     FROM generate_series(1, 9) n`,
    [integrationId],
  );
  await database.execute(
    `INSERT INTO sync_staged (integration_id, run_id, kind, seq, line, external_id)
     SELECT $1, $2, 'ENTITY', n, 100 + n, n::text FROM generate_series(1, 12) n`,
    [integrationId, runId],
  );
  const known = new KnownDigests(7, true, 9, 2);
  for (let n = 1; n <= 7; n++) known.insert(digestOf(n), 0);
  known.see(digestOf(2), 0, 50);
  known.see(digestOf(5), 0, 500);
  known.see(digestOf(7), 0, null);
  const run = { integrationId, id: runId, entityType: 'STUDENT' } as SyncRun;
  const issues = new IssueLog({ database, lease, integrationId, runId, source: 'students' });
  const options = { database, lease, run, spec: ENTITY_SPECS.STUDENT, issues } as StageOptions;
  const match = await lease.transaction(() =>
    matchStaged(options, known, { rows: 12, file: 's.csv', slice }),
  );
  await issues.flush();
  const said = await database.query('SELECT message FROM sync_issues WHERE run_id = $1 ORDER BY number', [
    runId,
  ]);
  const left = await database.query<{ seq: number }>(
    'SELECT seq FROM sync_staged WHERE run_id = $1 ORDER BY seq',
    [runId],
  );
  await lease.release();
  return { match, said: said.map(({ message }) => message), left: left.map(({ seq }) => seq) };
}

describe('staged rows of ids of which a row was known', () => {
  for (const slice of [1, 2, 5, 12, 1_000]) {
    it(`are told as duplicates, whichever came first, when ${slice} of them are looked at together`, async () => {
      const { match, said, left } = await matchTwelve(slice);
      expect(match).to.deep.equal({
        duplicates: 3,
        removed: 2,
        staged: 9,
        fresh: 3,
        matched: { digested: 4, undigested: 2 },
      });
      const first = 'the first one counts';
      expect(said).to.deep.equal([
        `s.csv line 102: student id "2" is already on line 50; ${first}`,
        `s.csv line 500: student id "5" is already on line 105; ${first}`,
        `s.csv line 107: student id "7" was already read; ${first}`,
      ]);
      expect(left).to.deep.equal([1, 3, 4, 5, 6, 8, 9, 10, 11, 12]);
    });
  }
});
