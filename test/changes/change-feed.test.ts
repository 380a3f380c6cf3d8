import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { newCsvSource, readWholeFeed } from '../support/institution.js';
import { sharedServices } from '../support/services.js';

/**
 * Writes a completed run with so many new students into the log, without a sync. `changed`: how many of them
 * count.
 */
async function addRun(of: { integrationId: string; institutionId: string }, rows: number, changed = rows) {
  const { database } = await sharedServices();
  const id = randomUUID();
  await database.transaction(async () => {
    await database.execute(
      `INSERT INTO sync_changes (integration_id, run_id, seq, entity, action, internal_id, external_id, before, after)
       SELECT $1, $2, i, 'STUDENT', CASE WHEN i <= $4 THEN 'CREATE' ELSE 'MISSING' END, gen_random_uuid(), 'S' || i, NULL,
         CASE WHEN i <= $4 THEN jsonb_build_object('givenName', 'Ana', 'familyName', 'Soto ' || i, 'active', true) END
       FROM generate_series(1, $3::int) AS i`,
      [of.integrationId, id, rows, changed],
    );
    await database.execute(
      `INSERT INTO sync_runs (integration_id, id, institution_id, entity_type, status, owner, lease_until, applied_position)
       VALUES ($1, $2, $3, 'STUDENT', 'COMPLETED', $2, now(), nextval('sync_runs_position'))`,
      [of.integrationId, id, of.institutionId],
    );
  });
  return id;
}

const ids = () => ({ integrationId: randomUUID(), institutionId: randomUUID() });

describe('the feed of changes', () => {
  it('is read in pages at the cost of the pages: ten times the changes of one run cost ten times as much, not a hundred times', async () => {
    const timeOf = async (changes: number) => {
      const of = ids();
      await addRun(of, changes);
      let best = Number.POSITIVE_INFINITY;
      // Other work on the machine may make one reading slow, but not each.
      for (let attempt = 0; attempt < 2; attempt++) {
        const begin = performance.now();
        const feed = await readWholeFeed(of.institutionId);
        best = Math.min(best, performance.now() - begin);
        expect([feed.changes.length, feed.pages]).to.deep.equal([changes, changes / 1_000]);
        expect(new Set(feed.changes.map(({ entityId }) => entityId)).size).to.equal(changes);
      }
      return best;
    };
    const [few, many] = [await timeOf(5_000), await timeOf(50_000)];
    expect(many / Math.max(few, 50)).to.be.below(35);
  });

  it('is whole and in order with runs of all sizes, edits between them, and pages that cut anywhere', async () => {
    const { rosterService } = await sharedServices();
    const of = ids();
    const expected: string[] = [];
    for (const [index, size] of [3, 0, 1, 0, 0, 7, 2, 0, 5, 1, 1, 1, 0, 0, 12].entries()) {
      const run = await addRun(of, size);
      for (let i = 0; i < size; i++) expected.push(run);
      if (index % 3 === 0) {
        await rosterService.putCourse(of.institutionId, randomUUID(), { name: `Curso ${index}` });
        expected.push('');
      }
    }
    for (const pageSize of [1, 2, 3, 5, 7, 1_000]) {
      const { changes } = await readWholeFeed(of.institutionId, pageSize);
      expect(changes.map(({ runId }) => runId)).to.deep.equal(expected);
    }
  });

  it('is ordered by number, not by digits, where positions grow by a digit', async () => {
    const { database } = await sharedServices();
    const of = ids();
    const positions = [8, 9, 10, 11, 98, 99, 100, 101, 999, 1_000];
    for (const [index, position] of positions.entries()) {
      if (index % 3 === 2) {
        const run = await addRun(of, 1);
        await database.execute(
          'UPDATE sync_runs SET applied_position = $3 WHERE integration_id = $1 AND id = $2',
          [of.integrationId, run, position],
        );
      } else {
        await database.execute(
          `INSERT INTO roster_edits (institution_id, position, entity, action, entity_id, after)
           VALUES ($1, $2, 'COURSE', 'CREATE', gen_random_uuid(), '{}')`,
          [of.institutionId, position],
        );
      }
    }
    for (const pageSize of [1, 2, 4, 100]) {
      const { changes } = await readWholeFeed(of.institutionId, pageSize);
      expect(changes.map(({ runId }) => (runId ? 'run' : 'edit'))).to.deep.equal(
        positions.map((_, index) => (index % 3 === 2 ? 'run' : 'edit')),
      );
    }
  });

  it('goes past runs that changed nothing only once: the token then leads behind them', async () => {
    const { database, rosterService } = await sharedServices();
    const of = ids();
    await addRun(of, 1);
    for (let i = 0; i < 20; i++) await addRun(of, 2, 0);
    const first = await rosterService.listRosterChanges({ institutionId: of.institutionId });
    expect([first.changes.length, first.hasMore]).to.deep.equal([1, false]);
    const [last] = await database.query<{ position: string }>(
      'SELECT max(applied_position)::text AS position FROM sync_runs WHERE institution_id = $1',
      [of.institutionId],
    );
    const token = JSON.parse(Buffer.from(first.nextPageToken, 'base64url').toString());
    expect(token[0]).to.equal(last?.position);
    const run = await addRun(of, 2);
    const since = await rosterService.listRosterChanges({
      institutionId: of.institutionId,
      pageToken: first.nextPageToken,
    });
    expect(since.changes.map(({ runId }) => runId)).to.deep.equal([run, run]);
    const none = await rosterService.listRosterChanges({
      institutionId: of.institutionId,
      pageToken: since.nextPageToken,
    });
    expect([none.changes, none.hasMore, none.nextPageToken]).to.deep.equal([[], false, since.nextPageToken]);
  });

  it('goes on from a token that was given before an integration was deleted, in the middle of its changes', async () => {
    const { integrationService, rosterService } = await sharedServices();
    const source = await newCsvSource({ 'students.csv': 'id,nombres\nS1,Ana\nS2,Eva\nS3,Paz\n' });
    await source.sync();
    const { institutionId } = source;
    const all = (await rosterService.listRosterChanges({ institutionId })).changes;
    const first = await rosterService.listRosterChanges({ institutionId, pageSize: 2 });
    await integrationService.deleteIntegration(source.integrationId);
    const rest = await rosterService.listRosterChanges({ institutionId, pageToken: first.nextPageToken });
    expect([...first.changes, ...rest.changes]).to.deep.equal(all);
  });

  it('leaves out what only a mapping went through and what was not carried out', async () => {
    const { database } = await sharedServices();
    const of = ids();
    const run = await addRun(of, 4, 3);
    await database.execute(
      `UPDATE sync_changes SET outcome = 'MOVED' WHERE integration_id = $1 AND run_id = $2 AND seq = 2`,
      [of.integrationId, run],
    );
    expect((await readWholeFeed(of.institutionId)).changes).to.have.lengthOf(2);
  });
});
