import { expect } from 'chai';
import { MappingEntityType } from '../../src/connectors/index.js';
import type { Database } from '../../src/database/index.js';
import { operations } from '../../src/observability/index.js';
import { gate } from '../support/gate.js';
import { newSchool, newSession, sharedServices } from '../support/services.js';
import { until } from '../support/until.js';

const { COURSE, STUDENT } = MappingEntityType;
const FILES = {
  'courses.csv': 'id;name\nC1;Ciencias\n',
  'students.csv': 'id;given_name;family_name\nS1;Ana;Soto\nS2;Anita;Soto\n',
};
const NOTHING_MORE = {
  arrivalTime: null,
  permanencePercentage: null,
  origin: null,
  source: null,
  remarks: null,
};

/** A school that has one student twice, with closed sessions in which the second one has a mark. */
async function twice(sessions: number) {
  const { database, integrationService, mappingService } = await sharedServices();
  const school = await newSchool(FILES);
  const { integrationId } = school;
  await integrationService.syncData(integrationId, COURSE);
  await integrationService.syncData(integrationId, STUDENT);
  const ids: string[] = [];
  for (let nth = 0; nth < sessions; nth++)
    ids.push((await newSession(school, { course: 'C1' }, { S2: 'ABSENT' })).id);
  await database.execute('UPDATE class_sessions SET closed_at = now() WHERE id = ANY($1::uuid[])', [ids]);
  const idOf = async (id: string) =>
    (await mappingService.getMappingByExternalId(integrationId, STUDENT, id)).internalId;
  const [keepInternalId, dropInternalId] = [await idOf('S1'), await idOf('S2')];
  const merge = { integrationId, entityType: STUDENT, keepInternalId, dropInternalId, keepExternalId: 'S1' };
  const delivered = async () => {
    const { items } = await integrationService.listDeliveries(integrationId, { pageSize: 1_000 });
    return items.filter(({ studentId, status }) => studentId === keepInternalId && status !== 'QUEUED')
      .length;
  };
  return { ...school, ids, delivered, dropInternalId, merge: () => mappingService.repairs.merge(merge) };
}

/** How many statements gave orders, or their jobs, while `work` went on. */
async function givingIn(work: () => Promise<void>): Promise<number> {
  let giving = 0;
  const stop = operations.statement.onEnd(({ facts: { text } }) => {
    if (/INSERT INTO send_orders|'attendance' as name/.test(text)) giving += 1;
  });
  await work().finally(stop);
  return giving;
}

/** How many transactions of this database were ended because two waited for each other. */
async function deadlocks(database: Database): Promise<number> {
  const [row] = await database.query<{ count: number }>(
    'SELECT deadlocks::int AS count FROM pg_stat_database WHERE datname = current_database()',
  );
  return row?.count ?? 0;
}

/** Waits until a statement with this in its text waits for a lock. */
function waitsForLock(database: Database, text: string): Promise<void> {
  return until(async () => {
    const waiting = await database.query(
      `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
         AND query LIKE '%' || $1 || '%' AND pid <> pg_backend_pid()`,
      [text],
    );
    return waiting.length > 0;
  });
}

describe('a merge of two students with marks in many closed sessions', () => {
  it('gives the orders of all of them, and their jobs, by as many statements as those of one', async () => {
    const [one, many] = [await twice(1), await twice(12)];
    const forOne = await givingIn(one.merge);
    expect(forOne).to.be.greaterThan(0);
    expect(await givingIn(many.merge)).to.equal(forOne);
    await until(async () => (await many.delivered()) === 12);
  });

  it('and a call that records marks of them and closes the session never wait for each other', async function () {
    const { database, rosterService } = await sharedServices();
    // The embedded database has a single session.
    if (database.isExclusive) return this.skip();
    const school = await twice(2);
    // A merge locks sessions in the order of their ids.
    const [first, second] = school.ids.toSorted() as [string, string];
    const before = await deadlocks(database);
    const [held, letGo] = [gate(), gate()];
    const holder = database.transaction(async () => {
      await database.query('SELECT 1 FROM class_sessions WHERE id = $1 FOR UPDATE', [first]);
      held.open();
      await letGo.opened;
    });
    await held.opened;
    // It has the students, and waits for the first session.
    const merging = school.merge();
    await waitsForLock(database, 'FROM class_sessions');
    const mark = { ...NOTHING_MORE, studentId: school.dropInternalId, status: 'LATE' as const };
    const recording = rosterService
      .recordAttendance(school.institutionId, second, [mark], { close: true })
      .catch((error: unknown) => error);
    await waitsForLock(database, 'FOR KEY SHARE');
    letGo.open();
    await holder;
    await merging;
    expect(await recording).to.include({ reason: 'UNKNOWN_REFERENCE' });
    expect(await deadlocks(database)).to.equal(before);
  });
});
