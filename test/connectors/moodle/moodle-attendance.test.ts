import { expect } from 'chai';
import { type SinonFakeTimers, useFakeTimers } from 'sinon';
import { IntegrationProvider, MappingEntityType } from '../../../src/connectors/index.js';
import { moodle } from '../../../src/connectors/moodle/index.js';
import { connectorContext } from '../../support/connector-context.js';
import { type Listening, listenOn } from '../../support/listen.js';
import {
  type MoodleCourse,
  type MoodleSession,
  MoodleSimulator,
  makeMoodleSchool,
} from '../../support/moodle/index.js';
import { newIntegration, newSession, sharedServices } from '../../support/services.js';
import { sheetOf } from '../../support/sheet.js';

const { COURSE, GROUP, STUDENT, TEACHER } = MappingEntityType;
const open: Listening[] = [];

after(() => Promise.all(open.map((server) => server.close())));

/** One course with 8 students in two groups, synced; `change` sees it before. */
async function taught(
  options: { version?: 2024 | 2026; config?: object; change?: (course: MoodleCourse) => void } = {},
) {
  const school = makeMoodleSchool({ courses: 1, students: 8 });
  const [course] = school.courses;
  if (!course) throw new Error('no course');
  options.change?.(course);
  const moodle = new MoodleSimulator({ ...school, attendanceVersion: options.version ?? 2024 });
  let hook: { after: number; run: () => void } | undefined;
  let onceCalled: { wsfunction: string; run: () => void } | undefined;
  const server = await listenOn((request, response) => {
    response.once('finish', () => {
      if (onceCalled && moodle.calls.at(-1)?.wsfunction === onceCalled.wsfunction) {
        onceCalled.run();
        onceCalled = undefined;
      }
      if (!hook || marked(moodle).length < hook.after) return;
      const { run } = hook;
      hook = undefined;
      run();
    });
    moodle.handle(request, response);
  });
  open.push(server);
  const config = { apiUrl: server.url, ...options.config };
  const integration = await newIntegration(IntegrationProvider.MOODLE, config, { wsToken: moodle.token });
  const { integrationService } = await sharedServices();
  for (const type of [COURSE, TEACHER, GROUP, STUDENT])
    await integrationService.syncData(integration.integrationId, type);
  const send = (sessionId: string, resend = false) =>
    integrationService.sendAttendance(integration.integrationId, sessionId, { resend });
  const students = school.users
    .filter(({ username }) => username.startsWith('s'))
    .map(({ id }) => String(id));
  const deliveries = async (sessionId: string) =>
    (await integrationService.listDeliveries(integration.integrationId, { sessionId })).items;
  /** Runs something once, when so many marks were answered. */
  const onMark = (after: number, run: () => void) => {
    hook = { after, run };
  };
  /** Runs something once, when this function was answered for the first time. */
  const onCall = (wsfunction: string, run: () => void) => {
    onceCalled = { wsfunction, run };
  };
  /** Adds a session that a teacher keeps by hand, at the time of ours. */
  const addSession = (own: Partial<MoodleSession> & { id: number }) => {
    const attendanceid = course.attendance?.[0]?.id as number;
    const times = { sessdate: Date.UTC(2026, 2, 2, 11) / 1_000, duration: 5_400 };
    const blank = { groupid: 0, description: 'Clase', statusset: 0, log: new Map() };
    moodle.sessions.set(own.id, { attendanceid, ...times, ...blank, ...own });
  };
  const deleteAfterMarks = (count: number) => onMark(count, () => moodle.deleteSession(1));
  const settings = { config, credentials: { wsToken: moodle.token } };
  const hooks = { onMark, onCall, deleteAfterMarks, addSession };
  return { ...integration, settings, moodle, course, students, send, deliveries, ...hooks };
}

const marked = (moodle: MoodleSimulator) =>
  moodle.calls.filter(({ wsfunction }) => wsfunction === 'mod_attendance_update_user_status');

const lists = (moodle: MoodleSimulator) =>
  moodle.calls.filter(({ wsfunction }) => wsfunction === 'mod_attendance_get_sessions');

/** Acronyms in the log of the one session there is, by student. */
function logOf(moodle: MoodleSimulator, acronyms: readonly string[]): Record<string, string> {
  const [session, ...others] = [...moodle.sessions.values()];
  expect(others).to.deep.equal([]);
  // The simulator gives the statuses of an activity ids in the order P, A, L, E.
  const ids = [...new Set([...(session?.log.values() ?? [])].map(({ statusid }) => statusid))].sort(
    (a, b) => +a - +b,
  );
  return Object.fromEntries(
    [...(session?.log ?? [])].map(([student, { statusid }]) => [
      String(student),
      acronyms[ids.indexOf(statusid)] ?? '?',
    ]),
  );
}

describe('attendance to Moodle', () => {
  for (const version of [2024, 2026] as const) {
    it(`adds the session, marks every student and reads the log back (plugin of ${version})`, async () => {
      const school = await taught({ version });
      const [a, b, c, d] = school.students as [string, string, string, string];
      const session = await newSession(
        school,
        { course: '2', teacher: '10' },
        { [a]: 'PRESENT', [b]: 'ABSENT', [c]: 'LATE', [d]: 'EXCUSED' },
      );
      const result = await school.send(session.id);
      expect(result).to.deep.equal({ success: true, sent: 4, confirmed: 4, unchanged: 0, errors: [] });
      expect(logOf(school.moodle, ['P', 'A', 'L', 'E'])).to.deep.equal({
        [a]: 'P',
        [b]: 'A',
        [c]: 'L',
        [d]: 'E',
      });
      const [stored] = school.moodle.sessions.values();
      expect(stored).to.deep.include({
        sessdate: Date.UTC(2026, 2, 2, 11) / 1_000,
        duration: 5_400,
        groupid: 0,
      });
      expect(stored?.description).to.contain(session.id);
      expect(
        marked(school.moodle).every(({ params }) => params.takenbyid === '10' && params.statusset === '0'),
      ).to.equal(true);
      const rows = await school.deliveries(session.id);
      expect(rows.map(({ status, attempts, version: v }) => [status, attempts, v])).to.deep.equal(
        Array(4).fill(['CONFIRMED', 1, 1]),
      );
    });
  }

  it('sent twice leaves one session and one mark a student, and calls nothing the second time', async () => {
    const school = await taught();
    const [a, b] = school.students as [string, string];
    const session = await newSession(school, { course: '2' }, { [a]: 'PRESENT', [b]: 'ABSENT' });
    await school.send(session.id);
    const calls = school.moodle.calls.length;
    expect(await school.send(session.id)).to.deep.equal({
      success: true,
      sent: 0,
      confirmed: 0,
      unchanged: 2,
      errors: [],
    });
    expect(school.moodle.calls).to.have.length(calls);
    // Even when all of it is sent again, what is there already is not marked again.
    expect(await school.send(session.id, true)).to.deep.include({ success: true, sent: 2, confirmed: 2 });
    expect(marked(school.moodle)).to.have.length(2);
    expect(school.moodle.sessions.size).to.equal(1);
  });

  it('a corrected mark is the next version, and the only one that is sent', async () => {
    const school = await taught();
    const [a, b] = school.students as [string, string];
    const session = await newSession(school, { course: '2' }, { [a]: 'PRESENT', [b]: 'ABSENT' });
    await school.send(session.id);
    await session.mark({ [b]: 'PRESENT' });
    expect(await school.send(session.id)).to.deep.include({
      success: true,
      sent: 1,
      confirmed: 1,
      unchanged: 1,
    });
    expect(logOf(school.moodle, ['P'])).to.deep.equal({ [a]: 'P', [b]: 'P' });
    const rows = await school.deliveries(session.id);
    expect(rows.map(({ externalId, version, mark }) => [externalId, version, mark])).to.have.deep.members([
      [a, 1, 'PRESENT'],
      [b, 1, 'ABSENT'],
      [b, 2, 'PRESENT'],
    ]);
  });

  it('finds a session that a teacher made by its time and group, and adds none', async () => {
    const school = await taught();
    const [a] = school.students as [string];
    const group = school.course.enrolments.find(({ userId }) => String(userId) === a)
      ?.groupIds?.[0] as number;
    const times = {
      sessdate: Date.UTC(2026, 2, 2, 11) / 1_000,
      duration: 5_400,
      attendanceid: school.course.attendance?.[0]?.id as number,
    };
    const own = { ...times, description: 'Clase', statusset: 0 };
    school.moodle.sessions.set(41, { ...own, id: 41, groupid: 0, log: new Map() });
    school.moodle.sessions.set(42, { ...own, id: 42, groupid: group, log: new Map() });
    const session = await newSession(school, { group: String(group) }, { [a]: 'PRESENT' });
    expect(await school.send(session.id)).to.deep.include({ success: true, confirmed: 1 });
    expect(school.moodle.sessions.size).to.equal(2);
    expect(school.moodle.sessions.get(42)?.log.size).to.equal(1);
    expect(school.moodle.sessions.get(41)?.log.size).to.equal(0);
  });

  it('two lessons at the same time are two sessions: a marker of another is no match', async () => {
    const school = await taught({
      change: (course) => Object.assign(course, { attendance: [{ id: 7, groupmode: 0 }] }),
    });
    const [a, b] = school.students as [string, string];
    const first = await newSession(school, { course: '2' }, { [a]: 'PRESENT' });
    const second = await newSession(school, { course: '2' }, { [b]: 'PRESENT' });
    await school.send(first.id);
    await school.send(second.id);
    expect(school.moodle.sessions.size).to.equal(2);
  });

  it('an activity with separate groups gets the group of the session; without one the sentence says why', async () => {
    const school = await taught({
      change: (course) => Object.assign(course, { attendance: [{ id: 7, groupmode: 1 }] }),
    });
    const [a] = school.students as [string];
    const group = String(school.course.enrolments.find(({ userId }) => String(userId) === a)?.groupIds?.[0]);
    const whole = await newSession(school, { course: '2' }, { [a]: 'PRESENT' });
    const refused = await school.send(whole.id);
    expect(refused).to.deep.include({ success: false, sent: 0 });
    expect(refused.errors[0]).to.match(/separate groups/);
    const session = await newSession(school, { group }, { [a]: 'PRESENT' });
    expect(await school.send(session.id)).to.deep.include({ success: true, confirmed: 1 });
    expect([...school.moodle.sessions.values()].map(({ groupid }) => String(groupid))).to.deep.equal([group]);
  });

  it('adds no session when the config forbids it', async () => {
    const school = await taught({ config: { createSessions: false } });
    const session = await newSession(school, { course: '2' }, { [school.students[0] as string]: 'PRESENT' });
    const result = await school.send(session.id);
    expect(result.errors[0]).to.match(
      /no attendance session at 2026-03-02T11:00:00\.000Z, nor within five minutes of it, and config\.createSessions is false/,
    );
    expect(school.moodle.sessions.size).to.equal(0);
  });

  it('maps statuses by acronym in the set of the session itself', async () => {
    const statuses = ['P', 'A', 'T', 'J'].flatMap((acronym, i) => [
      { id: 100 + i, acronym, description: acronym, setnumber: 0 },
      { id: 200 + i, acronym, description: acronym, setnumber: 1 },
    ]);
    const school = await taught({
      change: (course) => Object.assign(course, { attendance: [{ id: 7, groupmode: 0, statuses }] }),
      config: { statusAcronyms: { LATE: 'T', EXCUSED: 'X' } },
    });
    const [a, b] = school.students as [string, string];
    const session = await newSession(school, { course: '2' }, { [a]: 'LATE', [b]: 'EXCUSED' });
    const result = await school.send(session.id);
    expect(result).to.deep.include({ success: false, sent: 1, confirmed: 1 });
    expect(result.errors.join()).to.match(
      /no status "X" for EXCUSED; it has [PATJ, ]+\. See config\.statusAcronyms/,
    );
    const [stored] = school.moodle.sessions.values();
    expect(stored?.log.get(Number(a))?.statusid).to.equal('102');
  });

  it('a student who is no longer enrolled is an error, although Moodle would take the mark', async () => {
    const school = await taught();
    const [a, b] = school.students as [string, string];
    const session = await newSession(school, { course: '2' }, { [a]: 'PRESENT', [b]: 'PRESENT' });
    school.course.enrolments = school.course.enrolments.filter(({ userId }) => String(userId) !== b);
    const result = await school.send(session.id);
    expect(result).to.deep.include({ success: false, sent: 1, confirmed: 1 });
    expect(result.errors).to.have.length(1);
    expect(result.errors[0]).to.match(/is not enrolled/);
    expect(marked(school.moodle)).to.have.length(1);
  });

  it('a course without an attendance activity is a sentence', async () => {
    const school = await taught({ change: (course) => Object.assign(course, { attendance: [] }) });
    const session = await newSession(school, { course: '2' }, { [school.students[0] as string]: 'PRESENT' });
    expect((await school.send(session.id)).errors).to.deep.equal([
      'Course 2 of Moodle has no attendance activity that the web service user can see. Add one.',
    ]);
  });

  it('where the right to mark is missing, each student fails and is sent again later', async () => {
    const school = await taught();
    const [a, b] = school.students as [string, string];
    const session = await newSession(school, { course: '2' }, { [a]: 'PRESENT', [b]: 'ABSENT' });
    school.moodle.vices.withoutCapability.add('mod_attendance_update_user_status');
    const refused = await school.send(session.id);
    expect(refused).to.deep.include({ success: false, sent: 0 });
    expect((await school.deliveries(session.id)).map(({ status }) => status)).to.deep.equal([
      'FAILED',
      'FAILED',
    ]);
    school.moodle.vices.withoutCapability.clear();
    expect(await school.send(session.id)).to.deep.include({ success: true, sent: 2, confirmed: 2 });
    expect((await school.deliveries(session.id)).map(({ attempts }) => attempts)).to.deep.equal([2, 2]);
    expect(school.moodle.sessions.size).to.equal(1);
  });

  it('a session deleted in Moodle is sent whole again when one mark is corrected, and the answer says so', async () => {
    const school = await taught();
    const marks = Object.fromEntries(school.students.map((student) => [student, 'PRESENT' as const]));
    const session = await newSession(school, { course: '2' }, marks);
    await school.send(session.id);
    school.moodle.deleteSession(1);
    const [a] = school.students as [string];
    await session.mark({ [a]: 'ABSENT' });
    const result = await school.send(session.id);
    expect(result).to.deep.equal({ success: true, sent: 8, confirmed: 8, unchanged: 0, errors: [] });
    expect([...school.moodle.sessions.keys()]).to.deep.equal([2]);
    expect(school.moodle.sessions.get(2)?.log.size).to.equal(8);
    const rows = await school.deliveries(session.id);
    const told = rows.map(({ externalId, version, status, attempts }) => [
      externalId === a,
      version,
      status,
      attempts,
    ]);
    expect(told).to.have.deep.members([
      [true, 1, 'CONFIRMED', 1],
      [true, 2, 'CONFIRMED', 1],
      ...Array(7).fill([false, 1, 'CONFIRMED', 2]),
    ]);
    expect(await school.send(session.id)).to.deep.include({ sent: 0, unchanged: 8 });
  });

  it('a session that a teacher made anew in place of the deleted one gets every mark', async () => {
    const school = await taught();
    const marks = Object.fromEntries(school.students.map((student) => [student, 'LATE' as const]));
    const session = await newSession(school, { course: '2' }, marks);
    await school.send(session.id);
    const before = school.moodle.sessions.get(1);
    if (!before) throw new Error('no session');
    school.moodle.deleteSession(1);
    school.moodle.sessions.set(9, { ...before, id: 9, description: 'Clase', log: new Map() });
    await session.mark({ [school.students[0] as string]: 'ABSENT' });
    expect(await school.send(session.id)).to.deep.include({
      success: true,
      sent: 8,
      confirmed: 8,
      unchanged: 0,
    });
    expect([...school.moodle.sessions].map(([id, { log }]) => [id, log.size])).to.deep.equal([[9, 8]]);
  });

  it('a mark that a teacher changed in Moodle stays when another is corrected here', async () => {
    const school = await taught();
    const [a, b] = school.students as [string, string];
    const session = await newSession(school, { course: '2' }, { [a]: 'PRESENT', [b]: 'PRESENT' });
    await school.send(session.id);
    const log = school.moodle.sessions.get(1)?.log;
    const changed = { statusid: String(Number(log?.get(Number(b))?.statusid) + 1), remarks: null };
    log?.set(Number(b), changed);
    await session.mark({ [a]: 'LATE' });
    expect(await school.send(session.id)).to.deep.include({ success: true, sent: 1, unchanged: 1 });
    expect(log?.get(Number(b))).to.deep.equal(changed);
  });

  it('a deleted session that may not be added again is said, and sent whole once it is there', async () => {
    const school = await taught({ config: { createSessions: false } });
    const [a, b] = school.students as [string, string];
    const attendanceid = school.course.attendance?.[0]?.id as number;
    const add = (id: number) => {
      const times = { sessdate: Date.UTC(2026, 2, 2, 11) / 1_000, duration: 5_400 };
      const own = { id, attendanceid, groupid: 0, description: '', statusset: 0, log: new Map() };
      school.moodle.sessions.set(id, { ...times, ...own });
    };
    add(5);
    const session = await newSession(school, { course: '2' }, { [a]: 'PRESENT', [b]: 'PRESENT' });
    expect(await school.send(session.id)).to.deep.include({ success: true, confirmed: 2 });
    school.moodle.deleteSession(5);
    await session.mark({ [a]: 'ABSENT' });
    const refused = await school.send(session.id);
    expect(refused).to.deep.include({ success: false, sent: 0, confirmed: 0 });
    expect(refused.errors).to.have.length(1);
    expect(refused.errors[0]).to.match(/Moodle has no attendance session at/);
    add(6);
    expect(await school.send(session.id)).to.deep.include({
      success: true,
      sent: 2,
      confirmed: 2,
      unchanged: 0,
    });
  });

  it('a session deleted while its marks are sent fails with a sentence, and the next call sends it whole', async () => {
    const school = await taught();
    const marks = Object.fromEntries(school.students.map((student) => [student, 'PRESENT' as const]));
    const session = await newSession(school, { course: '2' }, marks);
    school.deleteAfterMarks(3);
    const result = await school.send(session.id);
    expect(result).to.deep.include({ success: false, sent: 0, confirmed: 0, unchanged: 0 });
    expect(result.errors).to.deep.equal([
      'The session was deleted in Moodle while its marks were sent. Send it again.',
    ]);
    expect((await school.deliveries(session.id)).map(({ status }) => status)).to.deep.equal(
      Array(8).fill('FAILED'),
    );
    expect(await school.send(session.id)).to.deep.include({ success: true, sent: 8, confirmed: 8 });
    expect([...school.moodle.sessions].map(([id, { log }]) => [id, log.size])).to.deep.equal([[2, 8]]);
  });

  it('asks before each mark whether it may still send, and sends none after the first no', async () => {
    const school = await taught();
    let asked = 0;
    const assertMaySend = () => {
      asked += 1;
      // The first is for the session.
      if (asked > 4) throw new Error('taken over');
    };
    const connector = moodle.create({ ...connectorContext('/'), assertMaySend });
    const { config, credentials } = school.settings;
    await connector.connect(moodle.config.parse(config) as Record<string, unknown>, credentials);
    const sheet = sheetOf(school.students, '2', '');
    const sending = connector.sendAttendance(sheet.sessionId, { ...sheet, group: undefined });
    expect(await sending.catch(({ message }: Error) => message)).to.equal('taken over');
    expect(marked(school.moodle)).to.have.length(3);
  });

  it('a token that ends in the middle leaves SENT what was taken, and FAILED what was not', async () => {
    const school = await taught();
    const marks = Object.fromEntries(school.students.map((student) => [student, 'PRESENT' as const]));
    const session = await newSession(school, { course: '2' }, marks);
    school.onMark(4, () => {
      school.moodle.vices.tokenState = 'invalid';
    });
    const result = await school.send(session.id);
    expect(result.success).to.equal(false);
    expect(result.errors).to.have.length(1);
    expect(result.errors[0]).to.match(/refused the token/);
    const [stored] = school.moodle.sessions.values();
    for (const { externalId, status } of await school.deliveries(session.id)) {
      expect(status).to.equal(stored?.log.has(Number(externalId)) ? 'SENT' : 'FAILED');
    }
    const taken = stored?.log.size as number;
    expect(taken).to.be.within(1, 7);
    school.moodle.vices.tokenState = 'ok';
    expect(await school.send(session.id)).to.deep.include({
      success: true,
      sent: 8 - taken,
      unchanged: taken,
    });
    expect(stored?.log.size).to.equal(8);
  });

  it('two callers at once send one after the other: the second finds nothing to do', async () => {
    const school = await taught();
    const marks = Object.fromEntries(school.students.map((student) => [student, 'PRESENT' as const]));
    const session = await newSession(school, { course: '2' }, marks);
    const results = await Promise.all([school.send(session.id), school.send(session.id)]);
    expect(results.map(({ sent }) => sent).sort()).to.deep.equal([0, 8]);
    expect(marked(school.moodle)).to.have.length(8);
  });

  it('a correction costs what it changes: the session is known, and is not looked for again', async () => {
    const school = await taught();
    const [a, b] = school.students as [string, string];
    const session = await newSession(
      school,
      { course: '2', teacher: '10' },
      { [a]: 'PRESENT', [b]: 'ABSENT' },
    );
    await school.send(session.id);
    school.moodle.calls.length = 0;
    await session.mark({ [b]: 'PRESENT' });
    expect(await school.send(session.id)).to.deep.include({ success: true, sent: 1 });
    expect(school.moodle.calls.map(({ wsfunction }) => wsfunction)).to.deep.equal([
      'mod_attendance_get_session',
      'mod_attendance_update_user_status',
      'mod_attendance_get_session',
    ]);
  });

  it('a course whose sessions are too many to list gets its marks, and the list is asked for twice in all', async () => {
    const school = await taught();
    const [a, b] = school.students as [string, string];
    school.addSession({ id: 30, sessdate: Date.UTC(2026, 1, 2) / 1_000 });
    school.moodle.vices.phpMemoryRows = 4;
    const first = await newSession(school, { course: '2', teacher: '10' }, { [a]: 'PRESENT' });
    const sent = await school.send(first.id);
    expect(sent).to.deep.include({ success: true, confirmed: 1, errors: [] });
    expect(sent.warnings?.join()).to.match(/too many for it: one was added at 2026-03-02T11:00:00\.000Z/);
    await first.mark({ [a]: 'LATE', [b]: 'PRESENT' });
    const corrected = await school.send(first.id);
    expect(corrected).to.deep.equal({ success: true, sent: 2, confirmed: 2, unchanged: 0, errors: [] });
    const second = await newSession(
      school,
      { course: '2' },
      { [a]: 'PRESENT' },
      new Date('2026-03-03T11:00Z'),
    );
    expect(await school.send(second.id)).to.deep.include({ success: true, confirmed: 1 });
    expect(lists(school.moodle)).to.have.length(2);
    expect([...school.moodle.sessions.keys()]).to.deep.equal([30, 31, 32]);
  });

  it('a 500 for a list is asked for no third time, but a list that comes the second time counts', async () => {
    const school = await taught();
    const [a] = school.students as [string];
    school.addSession({ id: 30 });
    school.moodle.vices.phpMemoryRows = 4;
    school.onCall('mod_attendance_get_sessions', () => {
      school.moodle.vices.phpMemoryRows = undefined;
    });
    const session = await newSession(school, { course: '2' }, { [a]: 'PRESENT' });
    expect(await school.send(session.id)).to.deep.include({ success: true, confirmed: 1 });
    expect([...school.moodle.sessions.keys()]).to.deep.equal([30]);
  });

  describe('where the sessions of an activity cannot be listed for an hour', () => {
    const LIST = 'mod_attendance_get_sessions';
    const HOUR = 3_600_000;
    let clock: SinonFakeTimers | undefined;
    afterEach(() => {
      clock?.restore();
      clock = undefined;
    });
    const pass = (ms: number) => {
      clock ??= useFakeTimers({ now: Date.now(), toFake: ['Date'], shouldClearNativeTimers: true });
      clock.setSystemTime(Date.now() + ms);
    };
    /** A course with a session that a teacher keeps by hand, and one of ours at its time. */
    async function kept(config: object = {}) {
      const school = await taught({ config });
      const [a] = school.students as [string];
      school.addSession({ id: 30 });
      const session = await newSession(school, { course: '2' }, { [a]: 'PRESENT' });
      const list = (answers: readonly ({ status: number; body: string } | 'silence')[]) => {
        let asked = 0;
        school.moodle.vices.broken.set(LIST, () => {
          asked += 1;
          return answers[(asked - 1) % answers.length] as 'silence';
        });
      };
      const sessions = () => [...school.moodle.sessions].map(([id, { log }]) => [id, log.size]);
      return { ...school, session, list, sessions, heal: () => school.moodle.vices.broken.clear() };
    }

    const hiccups: [name: string, answers: ({ status: number; body: string } | 'silence')[]][] = [
      [
        'answers that differ',
        [
          { status: 500, body: 'a' },
          { status: 502, body: '' },
        ],
      ],
      [
        'errors with other words each time',
        [
          { status: 500, body: 'lock wait' },
          { status: 500, body: 'gone away' },
        ],
      ],
      ['a gateway that gives up', [{ status: 504, body: '' }]],
      ['a gateway that finds nobody', [{ status: 502, body: '' }]],
      ['no answer at all', ['silence']],
    ];
    for (const [name, answers] of hiccups) {
      it(`${name}: nothing is sent beside a session kept by hand, which gets its marks afterwards`, async () => {
        const school = await kept({ timeout: 1_000 });
        school.list(answers);
        const refused = await school.send(school.session.id);
        expect(refused).to.deep.include({ success: false, sent: 0 });
        expect(refused.errors.join()).to.match(/^Moodle .*mod_attendance_get_sessions/);
        expect(school.sessions()).to.deep.equal([[30, 0]]);
        school.heal();
        expect(await school.send(school.session.id)).to.deep.include({ success: true, confirmed: 1 });
        expect(school.sessions()).to.deep.equal([[30, 1]]);
      });
    }

    it('the whole Moodle: two equal errors are then no sign of a list that is too long', async () => {
      const school = await kept();
      const down = () => ({ status: 500, body: '' });
      school.moodle.vices.broken.set(LIST, () => {
        school.moodle.vices.broken.set('core_webservice_get_site_info', down);
        return down();
      });
      expect(await school.send(school.session.id)).to.deep.include({ success: false, sent: 0 });
      school.heal();
      expect(await school.send(school.session.id)).to.deep.include({ success: true, confirmed: 1 });
      expect(school.sessions()).to.deep.equal([[30, 1]]);
    });

    it('the same error twice: it counts as too long for an hour, and a day once it stays so', async () => {
      const school = await kept();
      school.list([{ status: 500, body: '' }]);
      const at = (day: number) =>
        newSession(
          school,
          { course: '2' },
          { [school.students[0] as string]: 'PRESENT' },
          new Date(Date.UTC(2026, 2, day)),
        );
      expect((await school.send((await at(3)).id)).warnings?.join()).to.match(/too many for it/);
      expect(lists(school.moodle)).to.have.length(2);
      pass(HOUR - 60_000);
      await school.send((await at(4)).id);
      expect(lists(school.moodle)).to.have.length(2);
      pass(61_000);
      await school.send((await at(5)).id);
      expect(lists(school.moodle)).to.have.length(4);
      pass(HOUR + 1_000);
      await school.send((await at(6)).id);
      expect(lists(school.moodle)).to.have.length(4);
      pass(HOUR);
      school.heal();
      expect(await school.send(school.session.id)).to.deep.include({ success: true, confirmed: 1 });
      expect(school.moodle.sessions.get(30)?.log.size).to.equal(1);
    });

    it('memory that PHP says is exhausted: it is asked for once, and not again for a day', async () => {
      const school = await kept();
      const body =
        '<b>Fatal error</b>: Allowed memory size of 134217728 bytes exhausted (tried to allocate 20480 bytes)';
      school.list([{ status: 500, body }]);
      expect((await school.send(school.session.id)).warnings?.join()).to.match(/too many for it/);
      pass(23 * HOUR);
      const [a] = school.students as [string];
      const later = await newSession(
        school,
        { course: '2' },
        { [a]: 'PRESENT' },
        new Date('2026-03-05T11:00Z'),
      );
      expect(await school.send(later.id)).to.deep.include({ success: true, confirmed: 1 });
      expect(lists(school.moodle)).to.have.length(1);
    });

    it('a list that never comes in time, an hour later neither, is too long', async () => {
      const school = await kept({ timeout: 1_000 });
      school.list(['silence']);
      expect(await school.send(school.session.id)).to.deep.include({ success: false });
      pass(HOUR / 2);
      expect(await school.send(school.session.id)).to.deep.include({ success: false });
      expect(school.sessions()).to.deep.equal([[30, 0]]);
      pass(HOUR / 2 + 1_000);
      const sent = await school.send(school.session.id);
      expect(sent).to.deep.include({ success: true, confirmed: 1 });
      expect(sent.warnings?.join()).to.match(/too many for it/);
    });
  });

  describe('at noon', () => {
    let clock: SinonFakeTimers;
    // Ten minutes later is still today, in whatever zone the test runs.
    beforeEach(() => {
      clock = useFakeTimers({
        now: Date.UTC(2026, 2, 2, 16),
        toFake: ['Date'],
        shouldClearNativeTimers: true,
      });
    });
    afterEach(() => {
      clock.restore();
    });

    it("a session of today is found among its teacher's, where the list is too long", async () => {
      const school = await taught();
      const [a] = school.students as [string];
      const now = new Date();
      school.addSession({ id: 30, sessdate: Math.floor(now.getTime() / 1_000) });
      school.moodle.vices.phpMemoryRows = 4;
      const session = await newSession(school, { course: '2', teacher: '10' }, { [a]: 'PRESENT' }, now);
      const sent = await school.send(session.id);
      expect(sent).to.deep.equal({ success: true, sent: 1, confirmed: 1, unchanged: 0, errors: [] });
      expect(lists(school.moodle)).to.have.length(0);
      // Of an activity whose sessions of today were shown, what is not among them is not there.
      const next = new Date(now.getTime() + 10 * 60_000);
      const later = await newSession(school, { course: '2', teacher: '10' }, { [a]: 'PRESENT' }, next);
      expect(await school.send(later.id)).to.not.have.property('warnings');
      expect(school.moodle.sessions.size).to.equal(2);
    });
  });

  it('where sessions can neither be listed nor added, the sentence says both', async () => {
    const school = await taught({ config: { createSessions: false } });
    school.addSession({ id: 30 });
    school.moodle.vices.phpMemoryRows = 4;
    const session = await newSession(school, { course: '2' }, { [school.students[0] as string]: 'PRESENT' });
    expect((await school.send(session.id)).errors[0]).to.match(
      /fails to list the sessions of "Attendance".*config\.createSessions is false/,
    );
  });

  it('a session kept by hand within five minutes of ours is taken, and the nearest of several', async () => {
    const school = await taught();
    const [a] = school.students as [string];
    const at = Date.UTC(2026, 2, 2, 11) / 1_000;
    school.addSession({ id: 30, sessdate: at - 301 });
    school.addSession({ id: 31, sessdate: at + 290, duration: 2_700 });
    school.addSession({ id: 32, sessdate: at - 240, duration: 2_700 });
    const session = await newSession(school, { course: '2' }, { [a]: 'PRESENT' });
    expect(await school.send(session.id)).to.deep.include({ success: true, confirmed: 1 });
    const marks = [...school.moodle.sessions.values()].map(({ id, log }) => [id, log.size]);
    expect(marks).to.deep.equal([
      [30, 0],
      [31, 0],
      [32, 1],
    ]);
  });

  it('a session kept by hand six minutes from ours is another lesson', async () => {
    const school = await taught();
    school.addSession({ id: 30, sessdate: Date.UTC(2026, 2, 2, 11, 6) / 1_000 });
    const session = await newSession(school, { course: '2' }, { [school.students[0] as string]: 'PRESENT' });
    expect(await school.send(session.id)).to.deep.include({ success: true, confirmed: 1 });
    expect(school.moodle.sessions.size).to.equal(2);
  });

  it('a session of the whole course in separate groups is a sentence about that, not about a mapping', async () => {
    const school = await taught({
      change: (course) => Object.assign(course, { attendance: [{ id: 7, groupmode: 1 }] }),
    });
    const session = await newSession(school, { course: '2' }, { [school.students[0] as string]: 'PRESENT' });
    const { errors } = await school.send(session.id);
    expect(errors[0])
      .to.match(/separate groups.*this class session is of the whole course/)
      .and.not.match(/mapped/);
  });

  it('takes the first acronym of a list that the activity has', async () => {
    const statuses = ['P', 'F', 'R', 'J'].map((acronym, i) => ({
      id: 100 + i,
      acronym,
      description: acronym,
      setnumber: 0,
    }));
    const school = await taught({
      change: (course) => Object.assign(course, { attendance: [{ id: 7, groupmode: 0, statuses }] }),
      config: { statusAcronyms: { ABSENT: ['A', 'F'], LATE: ['L', 'R'], EXCUSED: ['E', 'J'] } },
    });
    const [a, b, c] = school.students as [string, string, string];
    const session = await newSession(school, { course: '2' }, { [a]: 'ABSENT', [b]: 'LATE', [c]: 'EXCUSED' });
    expect(await school.send(session.id)).to.deep.include({ success: true, confirmed: 3 });
    const [stored] = school.moodle.sessions.values();
    expect([a, b, c].map((id) => stored?.log.get(Number(id))?.statusid)).to.deep.equal(['101', '102', '103']);
  });

  it('refuses a config that gives one acronym to two statuses', () => {
    const parse = (statusAcronyms: object) => () =>
      moodle.config.parse({ apiUrl: 'https://aula.example', statusAcronyms });
    expect(parse({ LATE: ['T', 'A'] })).to.throw(/same acronym to two statuses/);
    expect(parse({ LATE: [] })).to.throw();
    expect(parse({ LATE: ['T', 'T'] })).to.not.throw();
  });

  it('a mark that a teacher changed in Moodle is replaced by a resend, and the answer says so', async () => {
    const school = await taught();
    const [a, b] = school.students as [string, string];
    const session = await newSession(school, { course: '2' }, { [a]: 'PRESENT', [b]: 'ABSENT' });
    expect(await school.send(session.id)).to.not.have.property('warnings');
    const log = school.moodle.sessions.get(1)?.log;
    const late = { statusid: String(Number(log?.get(Number(b))?.statusid) + 1), remarks: null };
    log?.set(Number(b), late);
    // What we correct ourselves is no news.
    await session.mark({ [a]: 'LATE' });
    expect(await school.send(session.id)).to.not.have.property('warnings');
    const resent = await school.send(session.id, true);
    expect(resent).to.deep.include({ success: true, sent: 2, confirmed: 2, errors: [] });
    expect(resent.warnings).to.have.length(1);
    expect(resent.warnings?.[0]).to.match(
      /^student .*: Moodle had "L", which was not sent from here.*"A"\.$/,
    );
    const noted = (await school.deliveries(session.id)).filter(({ lastReason }) => lastReason);
    expect(noted.map(({ externalId, status }) => [externalId, status])).to.deep.equal([[b, 'CONFIRMED']]);
  });

  it('marks that a teacher made before ours are replaced, and the answer says so', async () => {
    const school = await taught();
    const [a, b] = school.students as [string, string];
    const absent = { statusid: '6', remarks: null };
    school.addSession({ id: 30, log: new Map([[Number(a), absent]]) });
    const session = await newSession(school, { course: '2' }, { [a]: 'PRESENT', [b]: 'PRESENT' });
    const sent = await school.send(session.id);
    expect(sent).to.deep.include({ success: true, sent: 2, confirmed: 2 });
    expect(sent.warnings).to.have.length(1);
  });

  it('a session in the place of a deleted one gets every mark, those that a teacher made in it too', async () => {
    const school = await taught();
    const [a, b] = school.students as [string, string];
    const session = await newSession(school, { course: '2' }, { [a]: 'PRESENT', [b]: 'PRESENT' });
    await school.send(session.id);
    school.moodle.deleteSession(1);
    school.addSession({ id: 30, log: new Map([[Number(b), { statusid: '6', remarks: null }]]) });
    await session.mark({ [a]: 'LATE' });
    const sent = await school.send(session.id);
    expect(sent).to.deep.include({ success: true, sent: 2, confirmed: 2, unchanged: 0 });
    expect(sent.warnings).to.have.length(1);
    expect(logOf(school.moodle, ['P', 'L'])).to.deep.equal({ [a]: 'L', [b]: 'P' });
  });

  it('what was remembered of one Moodle is not used with another', async () => {
    const [one, other] = [await taught(), await taught()];
    const [a, b] = one.students as [string, string];
    const session = await newSession(one, { course: '2' }, { [a]: 'PRESENT', [b]: 'PRESENT' });
    await one.send(session.id);
    // There, the same id is another lesson.
    other.addSession({ id: 1, sessdate: Date.UTC(2026, 0, 5) / 1_000 });
    const { integrationService } = await sharedServices();
    await integrationService.updateIntegration(one.integrationId, { config: other.settings.config });
    await session.mark({ [a]: 'LATE' });
    expect(await one.send(session.id)).to.deep.include({ success: true, sent: 2 });
    expect([...other.moodle.sessions].map(([id, { log }]) => [id, log.size])).to.deep.equal([
      [1, 0],
      [2, 2],
    ]);
  });
});
