import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { waitAfter } from '../../src/attendance/retry-waits.js';
import { IntegrationProvider, MappingEntityType } from '../../src/connectors/index.js';
import { gate } from '../support/gate.js';
import { IdukayGateway, makeIdukaySchool } from '../support/idukay/index.js';
import { type Listening, listenOn } from '../support/listen.js';
import { hurry, orderOf } from '../support/send-orders.js';
import { newIntegration, newSchool, newSession, sharedServices } from '../support/services.js';
import { until } from '../support/until.js';

const { COURSE, STUDENT } = MappingEntityType;
const open: Listening[] = [];
after(() => Promise.all(open.map((server) => server.close())));

const FILES = {
  'courses.csv': 'id;name\nC1;Ciencias\n',
  'students.csv': 'id;given_name;family_name\nS1;Ana;Soto\nS2;Beto;Rojas\n',
};
const MARKS = { S1: 'PRESENT', S2: 'PRESENT' } as const;

async function syncBoth(integrationId: string) {
  const { integrationService } = await sharedServices();
  for (const type of [COURSE, STUDENT])
    expect(await integrationService.syncData(integrationId, type)).to.deep.include({ success: true });
}

/** A school of files with a session of its course, not closed yet. */
async function school(marks: Parameters<typeof newSession>[2] = MARKS) {
  const made = await newSchool(FILES);
  await syncBoth(made.integrationId);
  return { ...made, session: await newSession(made, { course: 'C1' }, marks) };
}

/** A school behind the gateway of IDUKAY, which `refuse` and `hold` keep from taking marks. */
async function gatewaySchool() {
  const lists = makeIdukaySchool({ students: 2, courses: 1 });
  const gateway = new IdukayGateway({ lists });
  const way: { refuse?: Record<string, string> | undefined; hold?: Promise<void>; held: boolean } = {
    held: false,
  };
  const server = await listenOn(async (request, response) => {
    if (request.method === 'POST' && way.refuse) return response.writeHead(429, way.refuse).end();
    if (request.method === 'POST' && way.hold) {
      way.held = true;
      await way.hold;
    }
    gateway.handle(request, response);
  });
  open.push(server);
  const made = await newIntegration(
    IntegrationProvider.IDUKAY,
    { apiUrl: server.url },
    { apiKey: gateway.apiKey, institutionCode: gateway.institutionCode },
  );
  await syncBoth(made.integrationId);
  const [first, second] = lists.estudiantes.map(({ id }) => String(id)) as [string, string];
  const session = await newSession(made, { course: 'CUR-1' }, { [first]: 'PRESENT', [second]: 'PRESENT' });
  return { ...made, gateway, way, session, first };
}

async function close({ institutionId, session }: { institutionId: string; session: { id: string } }) {
  const { rosterService } = await sharedServices();
  return rosterService.closeClassSession(institutionId, session.id);
}

/** version, mark and status of each delivery, in order; TAKEN: the school has it, whether it was seen there or not. */
async function deliveries(of: { integrationId: string; session: { id: string } }): Promise<string[]> {
  const { integrationService } = await sharedServices();
  const { items } = await integrationService.listDeliveries(of.integrationId, { sessionId: of.session.id });
  const told = (status: string) => (status === 'SENT' || status === 'CONFIRMED' ? 'TAKEN' : status);
  return items.map(({ version, mark, status }) => `${version} ${mark} ${told(status)}`).sort();
}

/** The id in the school and the mark of each delivery that the school has. */
async function deliveredTo(of: { integrationId: string; session: { id: string } }): Promise<string[]> {
  const { integrationService } = await sharedServices();
  const { items } = await integrationService.listDeliveries(of.integrationId, { sessionId: of.session.id });
  const taken = items.filter(({ status }) => status === 'SENT' || status === 'CONFIRMED');
  return taken.map(({ externalId, mark }) => `${externalId} ${mark}`).sort();
}

async function idOf(of: { integrationId: string }, externalId: string): Promise<string> {
  const { mappingService } = await sharedServices();
  return (await mappingService.getMappingByExternalId(of.integrationId, STUDENT, externalId)).internalId;
}

describe('a closed session', () => {
  it('sends its attendance by itself, says when it was closed, and the audit names both', async () => {
    const { rosterService, auditService } = await sharedServices();
    const made = await school();
    const { session, integrationIds } = await close(made);
    expect(integrationIds).to.deep.equal([made.integrationId]);
    expect(session.closedAt).to.be.instanceOf(Date);
    await until(async () => (await deliveries(made)).join() === '1 PRESENT TAKEN,1 PRESENT TAKEN');
    await until(async () => (await orderOf(made)) === undefined);
    expect(
      (await rosterService.getClassSession(made.institutionId, session.id)).session.closedAt,
    ).to.deep.equal(session.closedAt);
    const { items } = await auditService.listEvents({
      institutionId: made.institutionId,
      objectId: session.id,
    });
    expect(items.map(({ action, actor }) => `${action} ${actor}`).slice(0, 2)).to.deep.equal([
      'attendance.sent attendance',
      'class_session.closed service',
    ]);
  });

  it('sends what is corrected later by itself, and nothing for a mark that is there already', async () => {
    const made = await school();
    await close(made);
    await until(async () => (await deliveries(made)).length === 2);
    await until(async () => (await orderOf(made)) === undefined);
    await made.session.mark({ S1: 'PRESENT' });
    expect(await orderOf(made)).to.equal(undefined);
    await made.session.mark({ S1: 'ABSENT' });
    await until(async () => (await deliveries(made)).includes('2 ABSENT TAKEN'));
  });

  it('without marks sends those that are recorded later; an open one sends none', async () => {
    const made = await school({ S1: 'PRESENT' });
    await made.session.mark({ S2: 'LATE' });
    expect(await orderOf(made)).to.equal(undefined);
    const { rosterService, database } = await sharedServices();
    await database.execute('DELETE FROM attendance_records WHERE session_id = $1', [made.session.id]);
    await rosterService.closeClassSession(made.institutionId, made.session.id);
    await until(async () => (await orderOf(made)) === undefined);
    expect(await deliveries(made)).to.deep.equal([]);
    await made.session.mark({ S2: 'EXCUSED' });
    await until(async () => (await deliveries(made)).join() === '1 EXCUSED TAKEN');
  });

  it('may be closed by its last marks, and again without effect', async () => {
    const { rosterService, mappingService } = await sharedServices();
    const made = await school();
    const { internalId: studentId } = await mappingService.getMappingByExternalId(
      made.integrationId,
      STUDENT,
      'S1',
    );
    const none = { arrivalTime: null, permanencePercentage: null, origin: null, source: null, remarks: null };
    const last = [{ ...none, studentId, status: 'LATE' as const }];
    await rosterService.recordAttendance(made.institutionId, made.session.id, last, { close: true });
    const { session } = await rosterService.getClassSession(made.institutionId, made.session.id);
    expect(session.closedAt).to.be.instanceOf(Date);
    await until(async () => (await deliveries(made)).join() === '1 LATE TAKEN,1 PRESENT TAKEN');
    expect((await close(made)).session.closedAt).to.deep.equal(session.closedAt);
  });

  it('stays closed when it is put in anew, and the school is told of its new time', async () => {
    const { rosterService } = await sharedServices();
    const made = await school();
    const { session } = await close(made);
    await until(async () => (await deliveries(made)).length === 2);
    const moved = { ...session, startsAt: new Date(session.startsAt.getTime() - 60_000), closedAt: null };
    const stored = await rosterService.putClassSession(moved);
    expect(stored.closedAt).to.deep.equal(session.closedAt);
    await until(async () => (await deliveries(made)).filter((one) => one === '2 PRESENT TAKEN').length === 2);
  });

  it('is sent again when a merge gives marks of it to another student, who has them in the school then', async () => {
    const { mappingService } = await sharedServices();
    const made = await school({ S2: 'PRESENT' });
    await close(made);
    await until(async () => (await orderOf(made)) === undefined);
    expect(await deliveredTo(made)).to.deep.equal(['S2 PRESENT']);
    const [keepInternalId, dropInternalId] = [await idOf(made, 'S1'), await idOf(made, 'S2')];
    const ids = { keepInternalId, dropInternalId, keepExternalId: 'S1' };
    const merge = { integrationId: made.integrationId, entityType: STUDENT, ...ids };
    await mappingService.repairs.merge(merge);
    await until(async () => (await deliveredTo(made)).includes('S1 PRESENT'));
    await until(async () => (await orderOf(made)) === undefined);
  });

  it('is not sent again for a merge by which the id of a mark is that of another student', async () => {
    const { mappingService, database } = await sharedServices();
    const made = await school({ S2: 'PRESENT' });
    await close(made);
    await until(async () => (await orderOf(made)) === undefined);
    const [keepInternalId, dropInternalId] = [await idOf(made, 'S1'), await idOf(made, 'S2')];
    const ids = { keepInternalId, dropInternalId, keepExternalId: 'S2' };
    await mappingService.repairs.merge({ integrationId: made.integrationId, entityType: STUDENT, ...ids });
    await until(async () => (await orderOf(made)) === undefined);
    const rows = await database.query<{ studentId: string; version: number; attempts: number }>(
      `SELECT student_id AS "studentId", version, attempts FROM outbox_deliveries WHERE session_id = $1`,
      [made.session.id],
    );
    expect(rows).to.deep.equal([{ studentId: keepInternalId, version: 1, attempts: 1 }]);
  });

  it('of long ago, of which nothing is known any more, is not sent for a merge', async () => {
    const { mappingService, database } = await sharedServices();
    const made = await school();
    await close(made);
    await until(async () => (await orderOf(made)) === undefined);
    await database.execute('DELETE FROM outbox_deliveries WHERE session_id = $1', [made.session.id]);
    await database.execute(
      `UPDATE class_sessions SET closed_at = closed_at - interval '100 days' WHERE id = $1`,
      [made.session.id],
    );
    const [keepInternalId, dropInternalId] = [await idOf(made, 'S1'), await idOf(made, 'S2')];
    const ids = { keepInternalId, dropInternalId, keepExternalId: 'S1' };
    await mappingService.repairs.merge({ integrationId: made.integrationId, entityType: STUDENT, ...ids });
    expect(await orderOf(made)).to.equal(undefined);
    expect(await deliveries(made)).to.deep.equal([]);
  });

  it('is sent when a student gets an id by a merge', async () => {
    const { mappingService, rosterService, database } = await sharedServices();
    const made = await school({ S1: 'PRESENT' });
    const [dropInternalId, keepInternalId] = [await idOf(made, 'S2'), randomUUID()];
    await rosterService.putStudent(made.institutionId, keepInternalId, { givenName: 'Beto' });
    const none = { arrivalTime: null, permanencePercentage: null, origin: null, source: null, remarks: null };
    const marks = [{ ...none, studentId: keepInternalId, status: 'LATE' as const }];
    await rosterService.recordAttendance(made.institutionId, made.session.id, marks);
    await database.execute('UPDATE class_sessions SET closed_at = now() WHERE id = $1', [made.session.id]);
    const merge = { integrationId: made.integrationId, entityType: STUDENT, keepInternalId, dropInternalId };
    await mappingService.repairs.merge(merge);
    await until(async () => (await deliveredTo(made)).join() === 'S1 PRESENT,S2 LATE');
  });

  it('is sent when the marks of somebody whom no integration knew go to a student of the school by a merge', async () => {
    const { mappingService, rosterService, database } = await sharedServices();
    const made = await school({ S1: 'PRESENT' });
    const [keepInternalId, dropInternalId] = [await idOf(made, 'S2'), randomUUID()];
    await rosterService.putStudent(made.institutionId, dropInternalId, { givenName: 'Beto' });
    const none = { arrivalTime: null, permanencePercentage: null, origin: null, source: null, remarks: null };
    const marks = [{ ...none, studentId: dropInternalId, status: 'LATE' as const }];
    await rosterService.recordAttendance(made.institutionId, made.session.id, marks);
    // As when it was given up, because one of its students was not known.
    await database.execute('UPDATE class_sessions SET closed_at = now() WHERE id = $1', [made.session.id]);
    const merge = { integrationId: made.integrationId, entityType: STUDENT, keepInternalId, dropInternalId };
    await mappingService.repairs.merge(merge);
    await until(async () => (await deliveredTo(made)).join() === 'S1 PRESENT,S2 LATE');
  });

  it('goes to each integration that knows its course, and to none that is INACTIVE or never synced it', async () => {
    const { integrationService, database } = await sharedServices();
    const made = await school();
    const others = await Promise.all([school(), school(), newSchool(FILES)]);
    const [both, inactive, unmapped] = others;
    for (const { integrationId } of others)
      await database.execute('UPDATE integrations SET institution_id = $2 WHERE id = $1', [
        integrationId,
        made.institutionId,
      ]);
    const point = async (integrationId: string) =>
      database.execute(
        `UPDATE integration_mappings m SET internal_id = o.internal_id FROM integration_mappings o
         WHERE m.integration_id = $1 AND o.integration_id = $2 AND o.entity_type = m.entity_type
           AND o.external_id = m.external_id`,
        [integrationId, made.integrationId],
      );
    await point(both.integrationId);
    await point(inactive.integrationId);
    await integrationService.updateIntegration(inactive.integrationId, { status: 'INACTIVE' });
    const { integrationIds } = await close(made);
    expect(integrationIds).to.have.members([made.integrationId, both.integrationId]);
    expect(integrationIds).not.to.include(unmapped.integrationId);
    await until(async () => (await deliveries({ ...both, session: made.session })).length === 2);
  });

  it('is unknown to another institution', async () => {
    const made = await school();
    const refused = await close({ ...made, institutionId: randomUUID() }).catch((error: Error) => error);
    expect(refused).to.include({ reason: 'CLASS_SESSION_NOT_FOUND' });
  });
});

describe('attendance that leaves by itself', () => {
  it('sends a mark that was corrected while the one before was on its way', async () => {
    const made = await gatewaySchool();
    const { opened, open: letGo } = gate();
    made.way.hold = opened;
    await close(made);
    await until(() => made.way.held);
    await made.session.mark({ [made.first]: 'ABSENT' });
    letGo();
    await until(async () => (await deliveries(made)).includes('2 ABSENT TAKEN'));
    await until(async () => (await orderOf(made)) === undefined);
  });

  it('waits as long as the school asks, and is sent then, with what was corrected meanwhile', async () => {
    const made = await gatewaySchool();
    made.way.refuse = { 'retry-after': '7200' };
    await close(made);
    await until(async () => (await orderOf(made))?.attempts === 1);
    expect((await orderOf(made))?.seconds).to.be.within(7_100, 7_201);
    await made.session.mark({ [made.first]: 'ABSENT' });
    // Nothing that waits is called before.
    expect(await orderOf(made)).to.deep.include({ attempts: 1 });
    made.way.refuse = undefined;
    await hurry(made);
    await until(async () => (await orderOf(made)) === undefined);
    expect(await deliveries(made)).to.deep.equal([
      '1 PRESENT TAKEN',
      '1 PRESENT WITHDRAWN',
      '2 ABSENT TAKEN',
    ]);
  });

  it('is given up after 24 hours; a correction after that is tried anew', async () => {
    const { database } = await sharedServices();
    const made = await gatewaySchool();
    made.way.refuse = { 'retry-after': '3600' };
    await close(made);
    await until(async () => (await orderOf(made))?.attempts === 1);
    await database.execute(
      `UPDATE send_orders SET ordered_at = ordered_at - interval '24 h' WHERE session_id = $1`,
      [made.session.id],
    );
    await hurry(made);
    await until(async () => (await orderOf(made)) === undefined);
    expect(await deliveries(made)).to.deep.equal(['1 PRESENT FAILED', '1 PRESENT FAILED']);
    const { eventService } = await sharedServices();
    const told = await eventService.listEvents(made.institutionId, { types: ['attendance.failed'] });
    expect(told.items).to.have.length(1);
    expect(told.items[0]?.data).to.deep.include({ failed: 2 }).and.to.have.property('givenUp');
    made.way.refuse = undefined;
    await made.session.mark({ [made.first]: 'ABSENT' });
    await until(async () => (await deliveries(made)).filter((one) => one.endsWith('TAKEN')).length === 2);
  });

  it('is tried for 24 hours from its last correction on, not from when it is closed again', async () => {
    const { database } = await sharedServices();
    const made = await gatewaySchool();
    made.way.refuse = { 'retry-after': '3600' };
    await close(made);
    await until(async () => (await orderOf(made))?.attempts === 1);
    await database.execute(
      `UPDATE send_orders SET ordered_at = ordered_at - interval '23 h' WHERE session_id = $1`,
      [made.session.id],
    );
    const hours = async () => {
      const [row] = await database.query<{ hours: number }>(
        `SELECT round(EXTRACT(EPOCH FROM now() - ordered_at) / 3600)::int AS hours
         FROM send_orders WHERE session_id = $1`,
        [made.session.id],
      );
      return row?.hours;
    };
    await close(made);
    expect(await hours()).to.equal(23);
    await made.session.mark({ [made.first]: 'ABSENT' });
    expect(await hours()).to.equal(0);
  });

  it('is sent although its job was lost', async () => {
    const { database } = await sharedServices();
    const made = await school();
    await database.execute(
      `INSERT INTO send_orders (integration_id, session_id, institution_id, next_at)
       VALUES ($1, $2, $3, now() - interval '1 min')`,
      [made.integrationId, made.session.id, made.institutionId],
    );
    await until(async () => (await deliveries(made)).length === 2);
  });

  it('goes with its integration', async () => {
    const { integrationService } = await sharedServices();
    const made = await gatewaySchool();
    made.way.refuse = { 'retry-after': '3600' };
    await close(made);
    await until(async () => (await orderOf(made))?.attempts === 1);
    await integrationService.deleteIntegration(made.integrationId);
    expect(await orderOf(made)).to.equal(undefined);
  });
});

describe('the waits between attempts', () => {
  const longest = () => 0;
  const shortest = () => 1;
  const HOUR = 3_600;

  it('double from half a minute to an hour, less up to half by chance', () => {
    expect([0, 1, 2, 3, 20].map((failed) => waitAfter(failed, 0, 0, longest))).to.deep.equal([
      30, 60, 120, 240, 3_600,
    ]);
    expect([0, 20].map((failed) => waitAfter(failed, 0, 0, shortest))).to.deep.equal([15, 1_800]);
  });

  it('are never shorter than the school asked for', () => {
    expect(waitAfter(0, 0, 600, longest)).to.equal(600);
    expect(waitAfter(20, 0, 600, shortest)).to.equal(1_800);
  });

  it('end after 24 hours with a last attempt, or before when the school wants to be called later than that', () => {
    expect(waitAfter(20, 23.9 * HOUR, 0, longest)).to.be.closeTo(0.1 * HOUR, 1);
    expect(waitAfter(20, 24 * HOUR)).to.equal(undefined);
    expect(waitAfter(0, 20 * HOUR, 5 * HOUR)).to.equal(undefined);
  });
});
