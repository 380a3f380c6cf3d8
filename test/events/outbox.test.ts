import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { emit, type StoredEvent } from '../../src/events/index.js';
import { eventfulSchool } from '../support/eventful-school.js';
import { faultyDatabase, kill } from '../support/faulty-database.js';
import { sharedServices } from '../support/services.js';
import { syncServiceOf } from '../support/sync-service.js';

// biome-ignore lint/suspicious/noExplicitAny: of any type of event.
const dataOf = (event: StoredEvent | undefined): any => event?.data;
const typesOf = (events: readonly { type: string }[]) => events.map(({ type }) => type);

describe('the outbox of events', () => {
  it('tells of a sync that was completed, and that the roster changed', async () => {
    const school = await eventfulSchool();
    const { runId } = await school.firstSync();
    const [changed, completed, ...more] = await school.news();
    expect(more).to.deep.equal([]);
    expect(changed).to.deep.include({ type: 'roster.changed', subject: `runs/${runId}` });
    expect(changed?.data).to.deep.include({
      integrationId: school.integrationId,
      runId,
      entityType: 'STUDENT',
    });
    expect(completed).to.deep.include({
      type: 'sync.completed',
      streamId: school.integrationId,
      subject: `runs/${runId}`,
    });
    expect(completed?.data).to.deep.include({ runId, kind: 'SYNC', error: null, parentId: null });
    expect(dataOf(completed).counts).to.deep.include({ read: 20, created: 20 });
    // One that changes nothing says nothing of the roster.
    await school.sync();
    expect(typesOf(await school.news())).to.deep.equal(['sync.completed']);
  });

  it('names the position of the feed from which the changes are read', async () => {
    const { rosterService } = await sharedServices();
    const school = await eventfulSchool();
    const { institutionId } = school;
    await school.firstSync();
    await school.news();
    const before = await rosterService.listRosterChanges({ institutionId, pageSize: 1_000 });
    const id = await school.edit();
    const [changed] = await school.news();
    const after = await rosterService.listRosterChanges({ institutionId, pageToken: before.nextPageToken });
    expect(after.changes.map(({ entityId }) => entityId)).to.deep.equal([id]);
    expect(changed).to.deep.include({ type: 'roster.changed', streamId: institutionId, subject: null });
    expect(changed?.data).to.deep.include({ integrationId: null, runId: null, entityType: 'STUDENT' });
    expect(changed?.data).to.have.property('position').that.match(/^\d+$/);
  });

  it('tells of a held plan and of its approval, and of no error of the integration: nothing failed', async () => {
    const { integrationService } = await sharedServices();
    const school = await eventfulSchool();
    await school.firstSync();
    await school.news();
    const { runId } = await school.held();
    const news = await school.news();
    expect(typesOf(news)).to.deep.equal(['sync.held']);
    expect(dataOf(news[0]).error).to.match(/^Held: 18 of 20/);
    await school.sync();
    expect(typesOf(await school.news())).to.deep.equal(['sync.held']);
    const { items } = await integrationService.listSyncRuns(school.integrationId);
    expect(items[0]?.id).to.not.equal(runId);
    await integrationService.approveSync(school.integrationId, items[0]?.id as string);
    expect(typesOf(await school.news())).to.include('sync.completed');
  });

  it('tells of a failed sync, and once that the integration has an error', async () => {
    const school = await eventfulSchool();
    await school.firstSync();
    await school.news();
    const { runId } = await school.failed();
    const news = await school.news();
    expect(typesOf(news)).to.deep.equal(['sync.failed', 'integration.error']);
    expect(news[0]?.data).to.deep.include({ runId });
    expect(news[1]?.data).to.deep.include({ provider: 'GENERIC_CSV' });
    await school.sync();
    expect(typesOf(await school.news()), 'it has the error already').to.deep.equal(['sync.failed']);
  });

  it('tells of a conflict when it is met first, and not again', async () => {
    const { integrationService } = await sharedServices();
    const school = await eventfulSchool();
    await school.firstSync();
    const { runId } = await school.conflict();
    const news = await school.news();
    expect(typesOf(news)).to.include('conflict.created');
    const { items } = await integrationService.listConflicts(school.integrationId);
    const created = news.find(({ type }) => type === 'conflict.created');
    expect(created?.data).to.deep.equal({
      integrationId: school.integrationId,
      runId,
      entityType: 'STUDENT',
      count: 1,
      conflicts: [{ id: items[0]?.id, externalId: 'S99' }],
    });
    await school.sync();
    expect(typesOf(await school.news())).to.deep.equal(['sync.completed']);
  });

  it('tells what a school took of a class session, and what it did not', async () => {
    const school = await eventfulSchool();
    await school.firstSync();
    await school.news();
    await school.deliver();
    const [delivered, ...more] = await school.news();
    expect(more).to.deep.equal([]);
    expect(delivered).to.deep.include({ type: 'attendance.delivered' });
    expect(delivered?.data).to.deep.include({ integrationId: school.integrationId, sent: 2 });
    await school.deliverNowhere();
    const news = await school.news();
    expect(typesOf(news)).to.deep.equal(['attendance.failed', 'integration.error']);
    const { failed, failures } = dataOf(news[0]);
    expect([failed, failures.length]).to.deep.equal([2, 2]);
    expect(failures[0]?.reason).to.match(/export/);
  });

  it('tells at the end of the next attempt what the school took of one whose process died', async () => {
    const { database, integrationService } = await sharedServices();
    const school = await eventfulSchool();
    await school.firstSync();
    await school.deliver();
    const [event] = (await school.news()).filter(({ type }) => type === 'attendance.delivered');
    const id = dataOf(event).sessionId as string;
    // It had written down the marks, and died before its end.
    await database.execute(
      'UPDATE outbox_deliveries SET announced = false WHERE integration_id = $1 AND session_id = $2',
      [school.integrationId, id],
    );
    await integrationService.sendAttendance(school.integrationId, id);
    expect(typesOf(await school.news())).to.deep.equal(['attendance.delivered']);
    await integrationService.sendAttendance(school.integrationId, id);
    expect(await school.news()).to.deep.equal([]);
  });

  it('tells what the deletion of an integration ended, and keeps what it told before', async () => {
    const { integrationService } = await sharedServices();
    const school = await eventfulSchool();
    await school.firstSync();
    await school.news();
    await integrationService.deleteIntegration(school.integrationId);
    const [changed, ...more] = await school.news();
    expect(more).to.deep.equal([]);
    expect(changed).to.deep.include({ type: 'roster.changed', streamId: school.integrationId });
  });

  it('has nothing of a change that was rolled back', async () => {
    const { database, rosterService } = await sharedServices();
    const school = await eventfulSchool();
    const id = randomUUID();
    const undone = await database
      .transaction(async () => {
        await rosterService.putStudent(school.institutionId, id, { givenName: 'Luz', familyName: 'Mora' });
        await emit(database, {
          institutionId: school.institutionId,
          type: 'integration.error',
          data: { integrationId: id, provider: 'ACME', error: 'x' },
        });
        throw new Error('taken back');
      })
      .catch((error: Error) => error.message);
    expect(undone).to.equal('taken back');
    expect(await school.news()).to.deep.equal([]);
  });

  it('has an event of a run exactly when its end was committed, wherever its process is killed', async () => {
    const { database, integrationService, eventService } = await sharedServices();
    const source = (students: number) => ({
      entities: (async function* () {
        yield Array.from({ length: students }, (_, i) => ({ externalId: `S${i}`, givenName: `Ana ${i}` }));
      })(),
    });
    let wasKilled = true;
    let ended = 0;
    // Every third moment where each takes its time.
    for (let at = 1; wasKilled; at += database.isExclusive ? 3 : 1) {
      const { integrationId, institutionId } = await eventfulSchool();
      const faulty = faultyDatabase(database, kill(at));
      const syncs = syncServiceOf(faulty.database, () => source(3));
      const key = { integrationId, institutionId, entityType: 'STUDENT' as const };
      await syncs.sync(key as Parameters<typeof syncs.sync>[0]).catch(() => undefined);
      await faulty.settled();
      wasKilled = faulty.isKilled;
      const { items: runs } = await integrationService.listSyncRuns(integrationId);
      const { items: events } = await eventService.listEvents(institutionId);
      const [run] = runs;
      const [row] = run
        ? await database.query<{ applied: boolean }>(
            'SELECT applied_position IS NOT NULL AS applied FROM sync_runs WHERE integration_id = $1',
            [integrationId],
          )
        : [];
      expect(typesOf(events).sort(), `killed at ${at}`).to.deep.equal([
        ...(row?.applied ? ['roster.changed'] : []),
        ...(run?.status === 'COMPLETED' ? ['sync.completed'] : []),
      ]);
      if (run?.status === 'COMPLETED') ended += 1;
    }
    expect(ended, 'runs that ended').to.be.greaterThan(database.isExclusive ? 0 : 1);
  });
});
