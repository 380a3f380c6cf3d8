import { randomUUID } from 'node:crypto';
import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import type { SyncReport } from '../../src/sync/index.js';
import { newCsvSource, readWholeFeed } from '../support/institution.js';
import { newSession, sharedServices } from '../support/services.js';

const HEADER = 'id,nombres,apellidos\n';
const school = (names: Record<string, string>) =>
  HEADER +
  Object.entries(names)
    .map(([id, name]) => `${id},${name},Soto\n`)
    .join('');

/** Makes runs of an integration so many days older. */
async function age(integrationId: string, days: number, runIds?: readonly string[]) {
  const { database } = await sharedServices();
  await database.execute(
    `UPDATE sync_runs SET started_at = started_at - make_interval(days => $2::int),
       finished_at = finished_at - make_interval(days => $2::int), queued_at = queued_at - make_interval(days => $2::int)
     WHERE integration_id = $1 AND ($3::uuid[] IS NULL OR id = ANY($3))`,
    [integrationId, days, runIds ?? null],
  );
}

const sweep = async () => (await sharedServices()).retention.sweep();

async function rows(table: string, integrationId: string, where = 'true') {
  const { database } = await sharedServices();
  const [row] = await database.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM ${table} WHERE integration_id = $1 AND ${where}`,
    [integrationId],
  );
  return row?.count;
}

async function refusal(call: Promise<unknown>) {
  return call.then(
    () => undefined,
    (error: { code: string; reason: string; message: string }) => error,
  );
}

/** A school with two syncs: one that brought two people in, and one that renamed both. */
async function twoSyncs() {
  const made = await newCsvSource({ 'students.csv': school({ S1: 'Ana', S2: 'Beto' }) });
  const reports: SyncReport[] = [await made.sync()];
  await made.write({ 'students.csv': school({ S1: 'Anita', S2: 'Beto' }) });
  reports.push(await made.sync());
  return { ...made, runIds: reports.map(({ runId }) => runId) as [string, string] };
}

describe('the retention of changes', () => {
  it('deletes those of runs that ended longer ago, and leaves the others', async () => {
    const { integrationId, runIds, sync } = await twoSyncs();
    await age(integrationId, 100, [runIds[0]]);
    await age(integrationId, 80, [runIds[1]]);
    await sweep();
    expect(await rows('sync_changes', integrationId, `run_id = '${runIds[0]}'`)).to.equal(0);
    expect(await rows('sync_changes', integrationId, `run_id = '${runIds[1]}'`)).to.equal(1);
    expect(await rows('sync_runs', integrationId)).to.equal(2);
    expect(await sync()).to.deep.include({ success: true });
  });

  it('is said by the run: until when it can be taken back, and that it cannot any more', async () => {
    const { integrationService } = await sharedServices();
    const { integrationId, runIds } = await twoSyncs();
    const [first] = runIds;
    const before = await integrationService.getSyncRun(integrationId, first);
    const kept = 90 * 24 * 60 * 60 * 1_000;
    expect(before.rollbackUntil?.getTime()).to.equal((before.finishedAt?.getTime() ?? 0) + kept);
    await age(integrationId, 100, [first]);
    await sweep();
    const after = await integrationService.getSyncRun(integrationId, first);
    expect(after.rollbackUntil).to.equal(null);
    expect(after.changesDroppedAt).to.be.instanceOf(Date);
    expect(await refusal(integrationService.rollbackSync(integrationId, first))).to.include({
      code: 'failed_precondition',
      reason: 'SYNC_CHANGES_DROPPED',
    });
  });

  it('lets a younger run be taken back as before', async () => {
    const { integrationService, rosterService } = await sharedServices();
    const { integrationId, institutionId, runIds, idOf } = await twoSyncs();
    await age(integrationId, 100, [runIds[0]]);
    await sweep();
    expect(await integrationService.rollbackSync(integrationId, runIds[1])).to.include({ success: true });
    const student = await rosterService.getStudent(institutionId, await idOf('S1'));
    expect(student.givenName).to.equal('Ana');
  });

  it('waits for a rollback that is under way', async () => {
    const { database } = await sharedServices();
    const { integrationId, institutionId, runIds } = await twoSyncs();
    await age(integrationId, 100);
    await database.execute(
      // Without a lease it would be taken for one whose process died, and be ended.
      `INSERT INTO sync_runs (integration_id, id, institution_id, entity_type, kind, rolls_back, status, lease_until)
       VALUES ($1, gen_random_uuid(), $2, 'GROUP', 'ROLLBACK', $3, 'RUNNING', now() + interval '1 hour')`,
      [integrationId, institutionId, runIds[0]],
    );
    await sweep();
    expect(await rows('sync_changes', integrationId, `run_id = '${runIds[0]}'`)).to.equal(2);
    await database.execute(`UPDATE sync_runs SET status = 'FAILED' WHERE rolls_back = $1`, [runIds[0]]);
    await sweep();
    expect(await rows('sync_changes', integrationId, `run_id = '${runIds[0]}'`)).to.equal(0);
  });

  it('keeps whom external ids stood for', async () => {
    const { mappingService } = await sharedServices();
    const { integrationId, of, idOf } = await twoSyncs();
    const history = async (request = {}) =>
      (await mappingService.repairs.history({ ...of, externalId: 'S1' }, request)).items.filter(
        ({ action }) => action === 'CREATE',
      );
    await age(integrationId, 100);
    const before = await history();
    expect(before).to.have.length(1);
    await sweep();
    expect(await rows('sync_changes', integrationId)).to.equal(0);
    expect(await history()).to.deep.equal(before);
    expect((await history())[0]?.internalId).to.equal(await idOf('S1'));
    expect(await history({ at: new Date() })).to.deep.equal(before);
  });

  it('keeps what the guard adds up for as long as its policy says', async () => {
    const { integrationService } = await sharedServices();
    const { integrationId } = await twoSyncs();
    await integrationService.updateIntegration(integrationId, { policy: { guard: { baselineDays: 200 } } });
    await age(integrationId, 150);
    await sweep();
    expect(await rows('sync_changes', integrationId)).to.equal(3);
  });

  it('moves the beginning of the feed: older tokens are refused, and later ones lead on', async () => {
    const { rosterService } = await sharedServices();
    const { integrationId, institutionId, runIds, write, sync } = await twoSyncs();
    const old = await rosterService.listRosterChanges({ institutionId, pageSize: 1 });
    expect(old.keptSince).to.equal(null);
    const whole = await readWholeFeed(institutionId);
    await age(integrationId, 100, [runIds[0]]);
    await sweep();
    const refused = await refusal(
      rosterService.listRosterChanges({ institutionId, pageToken: old.nextPageToken }),
    );
    // The first run is one position, of which the old token has seen a part.
    expect(refused).to.equal(undefined);
    const kept = await rosterService.listRosterChanges({ institutionId });
    expect(kept.changes.map(({ runId }) => runId)).to.deep.equal([runIds[1]]);
    expect(kept.keptSince).to.be.instanceOf(Date);
    await age(integrationId, 100, [runIds[1]]);
    await sweep();
    expect(
      await refusal(rosterService.listRosterChanges({ institutionId, pageToken: old.nextPageToken })),
    ).to.include({ code: 'failed_precondition', reason: 'ROSTER_CHANGES_EXPIRED' });
    const atEnd = await rosterService.listRosterChanges({ institutionId, pageToken: whole.pageToken });
    expect(atEnd).to.deep.include({ changes: [], hasMore: false });
    await write({ 'students.csv': school({ S1: 'Anita', S2: 'Benito' }) });
    const { runId } = await sync();
    const { changes } = await rosterService.listRosterChanges({
      institutionId,
      pageToken: atEnd.nextPageToken,
    });
    expect(changes.map((change) => change.runId)).to.deep.equal([runId]);
  });
});

describe('the retention of plans', () => {
  it('discards previews that nobody decided on, and says why', async () => {
    const { integrationService } = await sharedServices();
    const { integrationId, sync } = await twoSyncs();
    const { runId } = await integrationService.previewSync(integrationId, 'STUDENT' as never);
    await age(integrationId, 100, [runId]);
    await sweep();
    expect(await integrationService.getSyncRun(integrationId, runId)).to.deep.include({
      status: 'DISCARDED',
      decision: 'Nobody decided on it for 90 days.',
    });
    expect(await sync()).to.deep.include({ success: true });
  });

  it('leaves plans that the guard holds, however old, and tells how many wait', async () => {
    const { integrationService } = await sharedServices();
    const names = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`S${i}`, `Ana ${i}`]));
    const { integrationId, sync, write } = await newCsvSource({ 'students.csv': school(names) });
    await sync();
    await write({ 'students.csv': school({ S1: 'Ana 1' }) });
    const policy = { graceRuns: 0, graceDays: 0 };
    await integrationService.updateIntegration(integrationId, { policy });
    const held = await sync();
    expect(held.status).to.equal('HELD');
    await age(integrationId, 500);
    expect((await sweep()).heldForLong).to.be.greaterThan(0);
    expect(await rows('sync_changes', integrationId, `run_id = '${held.runId}'`)).to.be.greaterThan(5);
    expect(await integrationService.approveSync(integrationId, held.runId)).to.include({ success: true });
  });
});

describe('the retention of issues', () => {
  it('deletes them, keeps those of the latest sync, and tells that they are gone', async () => {
    const { integrationService } = await sharedServices();
    const made = await newCsvSource({ 'students.csv': `${school({ S1: 'Ana' })},Nadie,Soto\n` });
    const first = await made.sync();
    const second = await made.sync();
    await age(made.integrationId, 100);
    await sweep();
    expect(await rows('sync_issues', made.integrationId, `run_id = '${first.runId}'`)).to.equal(0);
    expect(await rows('sync_issues', made.integrationId, `run_id = '${second.runId}'`)).to.be.greaterThan(0);
    const { counts, issuesDroppedAt } = await integrationService.getSyncRun(made.integrationId, first.runId);
    expect(counts.failed).to.equal(1);
    expect(issuesDroppedAt).to.be.instanceOf(Date);
    expect(await refusal(integrationService.exportSyncIssues(made.integrationId, first.runId))).to.include({
      reason: 'SYNC_ISSUES_DROPPED',
    });
  });
});

describe('the retention of events', () => {
  it('deletes those that are old, with what became of them, but for one that somebody has to be told of', async () => {
    const { database } = await sharedServices();
    const { institutionId, sync } = await newCsvSource({ 'students.csv': school({ S1: 'Ana' }) });
    await sync();
    await sync();
    await database.execute(
      `UPDATE events SET occurred_at = occurred_at - interval '100 days' WHERE institution_id = $1`,
      [institutionId],
    );
    await sync();
    const [waiting, told] = await database.query<{ id: string }>(
      `SELECT id FROM events WHERE institution_id = $1 ORDER BY position`,
      [institutionId],
    );
    for (const [id, status] of [
      [waiting?.id, 'WAITING'],
      [told?.id, 'DELIVERED'],
    ])
      await database.execute(
        `INSERT INTO event_deliveries (institution_id, subscription_id, stream_id, position, event_id, status)
         SELECT institution_id, $2::uuid, stream_id, position, id, $3 FROM events
         WHERE institution_id = $1 AND id = $2`,
        [institutionId, id, status],
      );
    const { events } = await sweep();
    expect(events).to.be.greaterThan(0);
    const left = await database.query<{ id: string; isOld: boolean }>(
      `SELECT id, occurred_at < now() - interval '90 days' AS "isOld" FROM events WHERE institution_id = $1`,
      [institutionId],
    );
    expect(left.filter(({ isOld }) => isOld).map(({ id }) => id)).to.deep.equal([waiting?.id]);
    expect(left.length).to.be.greaterThan(1);
    const deliveries = await database.query<{ id: string }>(
      'SELECT event_id AS id FROM event_deliveries WHERE institution_id = $1',
      [institutionId],
    );
    expect(deliveries).to.deep.equal([{ id: waiting?.id }]);
  });
});

describe('the retention of deliveries', () => {
  it('deletes those of sessions that nothing became of for long, whole sessions at a time', async () => {
    const { database, integrationService } = await sharedServices();
    const made = await newCsvSource({
      'courses.csv': 'id;name\nC1;Ciencias\n',
      'students.csv': school({ S1: 'Ana', S2: 'Beto' }),
    });
    await integrationService.syncData(made.integrationId, 'COURSE' as never);
    await made.sync();
    const marks = { S1: 'PRESENT', S2: 'ABSENT' } as const;
    const [old, corrected] = [
      await newSession(made, { course: 'C1' }, marks),
      await newSession(made, { course: 'C1' }, marks, new Date('2026-03-03T11:00:00Z')),
    ];
    for (const { id } of [old, corrected]) await integrationService.sendAttendance(made.integrationId, id);
    await database.execute(
      `UPDATE outbox_deliveries SET created_at = created_at - interval '100 days',
         updated_at = updated_at - interval '100 days' WHERE integration_id = $1`,
      [made.integrationId],
    );
    await corrected.mark({ S1: 'LATE' });
    await integrationService.sendAttendance(made.integrationId, corrected.id);
    await sweep();
    expect(await rows('outbox_deliveries', made.integrationId, `session_id = '${old.id}'`)).to.equal(0);
    expect(await rows('outbox_deliveries', made.integrationId, `session_id = '${corrected.id}'`)).to.equal(3);
    // An old session may still be sent.
    expect(await integrationService.sendAttendance(made.integrationId, old.id)).to.include({ sent: 2 });
  });
});

describe('the retention of runs', () => {
  /** As many runs as a school makes in years, each with changes and issues, by set-based SQL. */
  async function grow(integrationId: string, like: string, count: number, days: number) {
    const { database } = await sharedServices();
    await database.transaction(async () => {
      await database.allowLong();
      await database.execute(
        `INSERT INTO sync_runs (integration_id, id, institution_id, entity_type, status, stage, counts,
           membership_counts, timings, evidence, planned_position, planned_changes, applied_position,
           started_at, finished_at)
         SELECT integration_id, gen_random_uuid(), institution_id, entity_type, status, stage, counts,
           membership_counts, timings, evidence, planned_position, planned_changes, nextval('sync_runs_position'),
           now() - make_interval(days => $4::int) - n * interval '1 hour',
           now() - make_interval(days => $4::int) - n * interval '1 hour'
         FROM sync_runs CROSS JOIN generate_series(1, $3::int) n
         WHERE integration_id = $1 AND id = $2`,
        [integrationId, like, count, days],
      );
      await database.execute(
        `INSERT INTO sync_changes (integration_id, run_id, seq, entity, action, internal_id, external_id,
           before, after)
         SELECT c.integration_id, r.id, c.seq, c.entity, c.action, c.internal_id, c.external_id, c.before, c.after
         FROM sync_runs r JOIN sync_changes c ON c.integration_id = $1 AND c.run_id = $2
         WHERE r.integration_id = $1 AND r.id <> $2 AND r.started_at < now() - make_interval(days => $3::int)
           AND r.changes_dropped_at IS NULL`,
        [integrationId, like, days],
      );
      await database.execute(
        `INSERT INTO sync_issues (integration_id, run_id, number, severity, rule, message)
         SELECT $1, r.id, 1, 'WARNING', 'email.invalid', 'x' FROM sync_runs r
         WHERE r.integration_id = $1 AND r.id <> $2 AND r.started_at < now() - make_interval(days => $3::int)
           AND r.issues_dropped_at IS NULL`,
        [integrationId, like, days],
      );
    });
  }

  const sizes = async (integrationId: string) =>
    Promise.all(
      ['sync_runs', 'sync_changes', 'sync_issues', 'sync_staged', 'mapping_archive'].map((table) =>
        rows(table, integrationId),
      ),
    );

  it('10,000 runs that are old go while a sync runs, tables stop growing, and syncs go on as before', async () => {
    const { integrationService, rosterService } = await sharedServices();
    const { integrationId, institutionId, runIds, sync, write, idOf } = await twoSyncs();
    const like = runIds[1];
    await age(integrationId, 420, runIds);
    await grow(integrationId, like, 5_000, 430);
    expect(await rows('sync_runs', integrationId)).to.equal(5_002);
    await write({ 'students.csv': school({ S1: 'Ana', S2: 'Beto', S3: 'Carla' }) });
    const [swept, synced] = await Promise.all([sweep(), sync()]);
    expect(synced).to.deep.include({ success: true });
    expect(swept.runs).to.be.at.least(4_900);
    const first = await sizes(integrationId);
    await grow(integrationId, synced.runId, 5_000, 430);
    await sweep();
    expect(await rows('sync_runs', integrationId)).to.equal(first[0]);
    expect(await sizes(integrationId)).to.deep.equal([
      first[0],
      first[1],
      first[2],
      0,
      (first[4] ?? 0) + 5_000,
    ]);
    await write({ 'students.csv': school({ S1: 'Ana', S2: 'Benito', S3: 'Carla' }) });
    expect(await sync()).to.deep.include({ success: true, synced: 3 });
    expect((await rosterService.getStudent(institutionId, await idOf('S2'))).givenName).to.equal('Benito');
    // The latest ones stay, however old.
    expect(
      (await integrationService.listSyncRuns(integrationId, { pageSize: 1_000 })).items.length,
    ).to.be.within(50, 53);
  });

  it('goes on where a process was killed that had marked runs', async () => {
    const { database } = await sharedServices();
    const { integrationId } = await twoSyncs();
    await age(integrationId, 100);
    await database.execute('UPDATE sync_runs SET changes_dropped_at = now() WHERE integration_id = $1', [
      integrationId,
    ]);
    await sweep();
    expect(await rows('sync_changes', integrationId)).to.equal(0);
    expect(await rows('mapping_archive', integrationId)).to.equal(2);
  });

  it('deletes what is old of all others where it fails for one, and is tried again', async () => {
    const { database } = await sharedServices();
    const made = [await twoSyncs(), await twoSyncs()].sort((a, b) =>
      a.integrationId < b.integrationId ? -1 : 1,
    );
    const [broken, good] = made.map(({ integrationId }) => integrationId) as [string, string];
    for (const id of [broken, good]) await age(id, 100);
    const name = `broken_${broken.replaceAll('-', '')}`;
    await database.execute(`CREATE FUNCTION ${name}() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN RAISE EXCEPTION 'nobody saw this coming'; END $$`);
    await database.execute(`CREATE TRIGGER ${name} BEFORE DELETE ON sync_changes FOR EACH ROW
      WHEN (OLD.integration_id = '${broken}') EXECUTE FUNCTION ${name}()`);
    try {
      const error = await refusal(sweep());
      expect(error?.message).to.contain(broken);
      expect(await rows('sync_changes', good)).to.equal(0);
    } finally {
      await database.execute(`DROP FUNCTION ${name} CASCADE`);
    }
    await sweep();
    expect(await rows('sync_changes', broken)).to.equal(0);
  });

  it('may be swept by several processes at once', async () => {
    const { integrationId } = await twoSyncs();
    await age(integrationId, 100);
    await Promise.all([sweep(), sweep(), sweep()]);
    expect(await sizes(integrationId)).to.deep.equal([2, 0, 0, 0, 2]);
  });

  it('is planned for the next night, once', async () => {
    const { database } = await sharedServices();
    const jobs = await database.query<{ hour: number }>(
      `SELECT EXTRACT(HOUR FROM start_after AT TIME ZONE 'UTC')::int AS hour FROM pgboss.job
       WHERE name = 'retention'`,
    );
    expect(jobs).to.deep.equal([{ hour: 6 }]);
  });
});

describe('the retention of webhooks', () => {
  it('deletes those that came longer ago, whatever became of them, and leaves the others', async () => {
    const { database, webhookService } = await sharedServices();
    const { integrationId, institutionId } = await newCsvSource({ 'students.csv': school({ S1: 'Ana' }) });
    const received = (webhookId: string, status: string, days: number) =>
      database.execute(
        `INSERT INTO received_webhooks (integration_id, webhook_id, institution_id, kind, body, status, received_at)
         VALUES ($1, $2, $3, 'WEBHOOK', '', $4, clock_timestamp() - make_interval(days => $5))`,
        [integrationId, webhookId, institutionId, status, days],
      );
    await received('old', 'DONE', 91);
    await received('old and waiting', 'WAITING', 91);
    await received('young', 'DONE', 89);
    expect((await sweep()).webhooks).to.equal(2);
    const { items } = await webhookService.listReceivedWebhooks(integrationId);
    expect(items.map(({ webhookId }) => webhookId)).to.deep.equal(['young']);
  });
});

describe('the retention of files', () => {
  it('deletes what processes that died left of files they wrote, and none that may still be written', async () => {
    const { files, integrationService } = await sharedServices();
    const { integrationId } = await newCsvSource({ 'students.csv': school({ S1: 'Ana' }) });
    const exportPath = randomUUID();
    await integrationService.updateIntegration(integrationId, { config: { exportPath } });
    const folder = join(files, exportPath);
    await mkdir(folder);
    const old = new Date(Date.now() - 2 * 60 * 60 * 1_000);
    const [dead, live, own] = [
      `.attendance-2026-03-02-1.csv.${randomUUID()}.tmp`,
      `.attendance-2026-03-02-2.csv.${randomUUID()}.tmp`,
      'attendance-2026-03-02-3.csv',
    ];
    for (const name of [dead, live, own]) await writeFile(join(folder, name), 'Ana;PRESENT');
    for (const name of [dead, own]) await utimes(join(folder, name), old, old);
    expect((await sweep()).drafts).to.equal(1);
    expect((await readdir(folder)).sort()).to.deep.equal([live, own].sort());
  });
});
