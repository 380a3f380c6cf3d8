import { expect } from 'chai';
import { IntegrationProvider, MappingEntityType } from '../../../src/connectors/index.js';
import { newIntegration, newSession, sharedHouse } from '../../support/house.js';
import { type Listening, listenOn } from '../../support/listen.js';
import { type MoodleCourse, MoodleSimulator, makeMoodleSchool } from '../../support/moodle/index.js';

const { COURSE, GROUP, STUDENT, TEACHER } = MappingEntityType;
const open: Listening[] = [];

after(() => Promise.all(open.map((server) => server.close())));

/** One course with 8 students in two groups, synced; `change` sees it before. */
async function taught(options: { version?: 2024 | 2026; config?: object; change?: (course: MoodleCourse) => void } = {}) {
  const school = makeMoodleSchool({ courses: 1, students: 8 });
  const [course] = school.courses;
  if (!course) throw new Error('no course');
  options.change?.(course);
  const moodle = new MoodleSimulator({ ...school, attendanceVersion: options.version ?? 2024 });
  const server = await listenOn(moodle.handle);
  open.push(server);
  const config = { apiUrl: server.url, ...options.config };
  const integration = await newIntegration(IntegrationProvider.MOODLE, config, { wsToken: moodle.token });
  const { integrationService } = await sharedHouse();
  for (const type of [COURSE, TEACHER, GROUP, STUDENT]) await integrationService.syncData(integration.integrationId, type);
  const send = (sessionId: string, resend = false) =>
    integrationService.sendAttendance(integration.integrationId, sessionId, { resend });
  const students = school.users.filter(({ username }) => username.startsWith('s')).map(({ id }) => String(id));
  const deliveries = async (sessionId: string) =>
    (await integrationService.listDeliveries(integration.integrationId, { sessionId })).items;
  return { ...integration, moodle, course, students, send, deliveries };
}

const marked = (moodle: MoodleSimulator) =>
  moodle.calls.filter(({ wsfunction }) => wsfunction === 'mod_attendance_update_user_status');

/** Acronyms in the log of the one session there is, by student. */
function logOf(moodle: MoodleSimulator, acronyms: readonly string[]): Record<string, string> {
  const [session, ...others] = [...moodle.sessions.values()];
  expect(others).to.deep.equal([]);
  // The simulator gives the statuses of an activity ids in the order P, A, L, E.
  const ids = [...new Set([...(session?.log.values() ?? [])].map(({ statusid }) => statusid))].sort((a, b) => +a - +b);
  return Object.fromEntries(
    [...(session?.log ?? [])].map(([student, { statusid }]) => [String(student), acronyms[ids.indexOf(statusid)] ?? '?']),
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
      expect(logOf(school.moodle, ['P', 'A', 'L', 'E'])).to.deep.equal({ [a]: 'P', [b]: 'A', [c]: 'L', [d]: 'E' });
      const [stored] = school.moodle.sessions.values();
      expect(stored).to.deep.include({ sessdate: Date.UTC(2026, 2, 2, 11) / 1_000, duration: 5_400, groupid: 0 });
      expect(stored?.description).to.contain(session.id);
      expect(marked(school.moodle).every(({ params }) => params.takenbyid === '10' && params.statusset === '0')).to.equal(true);
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
    expect(await school.send(session.id)).to.deep.equal({ success: true, sent: 0, confirmed: 0, unchanged: 2, errors: [] });
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
    expect(await school.send(session.id)).to.deep.include({ success: true, sent: 1, confirmed: 1, unchanged: 1 });
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
    const group = school.course.enrolments.find(({ userId }) => String(userId) === a)?.groupIds?.[0] as number;
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
    const school = await taught({ change: (course) => Object.assign(course, { attendance: [{ id: 7, groupmode: 0 }] }) });
    const [a, b] = school.students as [string, string];
    const first = await newSession(school, { course: '2' }, { [a]: 'PRESENT' });
    const second = await newSession(school, { course: '2' }, { [b]: 'PRESENT' });
    await school.send(first.id);
    await school.send(second.id);
    expect(school.moodle.sessions.size).to.equal(2);
  });

  it('an activity with separate groups gets the group of the session; without one the sentence says why', async () => {
    const school = await taught({ change: (course) => Object.assign(course, { attendance: [{ id: 7, groupmode: 1 }] }) });
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
    expect(result.errors[0]).to.match(/no attendance session at 2026-03-02T11:00:00\.000Z, and config\.createSessions is false/);
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
    expect(result.errors.join()).to.match(/no status "X" for EXCUSED; it has [PATJ, ]+\. See config\.statusAcronyms/);
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
    expect((await school.deliveries(session.id)).map(({ status }) => status)).to.deep.equal(['FAILED', 'FAILED']);
    school.moodle.vices.withoutCapability.clear();
    expect(await school.send(session.id)).to.deep.include({ success: true, sent: 2, confirmed: 2 });
    expect((await school.deliveries(session.id)).map(({ attempts }) => attempts)).to.deep.equal([2, 2]);
    expect(school.moodle.sessions.size).to.equal(1);
  });

  it('two callers at once send one after the other: the second finds nothing to do', async () => {
    const school = await taught();
    const marks = Object.fromEntries(school.students.map((student) => [student, 'PRESENT' as const]));
    const session = await newSession(school, { course: '2' }, marks);
    const results = await Promise.all([school.send(session.id), school.send(session.id)]);
    expect(results.map(({ sent }) => sent).sort()).to.deep.equal([0, 8]);
    expect(marked(school.moodle)).to.have.length(8);
  });
});
