import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { freshDatabaseUrl, testDatabaseUrl } from '../support/database.js';
import { layEmbeddedDatabase } from '../support/embedded-template.js';
import { IdukayGateway, makeIdukaySchool } from '../support/idukay/index.js';
import { type Listening, listenOn } from '../support/listen.js';
import { MoodleSimulator, makeMoodleSchool } from '../support/moodle/index.js';
import { rest, startService, type TestService } from '../support/service.js';
import { tempFolder } from '../support/temp-folder.js';
import { until } from '../support/until.js';

const open: Listening[] = [];
after(() => Promise.all(open.map((server) => server.close())));

type Handler = Parameters<typeof listenOn>[0];

interface School {
  handle: Handler;
  provider: 'MOODLE' | 'IDUKAY';
  config?: object;
  credentials: object;
  /** External ids of the course that is taught and of its students. */
  course: string;
  students: string[];
}

/** How to start processes that work on one database and one data directory. */
async function starting(): Promise<() => Promise<TestService>> {
  const dataDir = await tempFolder();
  const databaseUrl = await freshDatabaseUrl();
  if (!databaseUrl) await layEmbeddedDatabase(dataDir);
  return () => startService({ dataDir, env: databaseUrl ? { DATABASE_URL: databaseUrl } : {} });
}

/** A school on a service, synced, with one session of which everybody has a mark. */
async function ready(url: string, { handle, provider, config, credentials, course, students }: School) {
  const school = await listenOn(handle);
  open.push(school);
  const institutionId = randomUUID();
  const settings = { config: { apiUrl: school.url, ...config }, credentials };
  const { id } = (await rest(url, 'POST', '/integrations', { institutionId, provider, ...settings })).body;
  const integration = `/integrations/${id}`;
  for (const entityType of ['COURSE', 'STUDENT'])
    await rest(url, 'POST', `${integration}/sync`, { entityType });
  const { body: taught } = await rest(url, 'GET', `${integration}/mappings/COURSE/external/${course}`);
  const session = { id: randomUUID(), institutionId, courseId: taught.internalId as string };
  const path = `/institutions/${institutionId}/class-sessions/${session.id}`;
  const times = { startsAt: '2026-03-02T11:00:00Z', endsAt: '2026-03-02T12:30:00Z' };
  await rest(url, 'PUT', path, { ...session, ...times });
  const { body: mappings } = await rest(url, 'GET', `${integration}/mappings?entityType=STUDENT`);
  const studentIds = new Map<string, string>(
    mappings.map((one: { externalId: string; internalId: string }) => [one.externalId, one.internalId]),
  );
  const record = async (url: string, status: string) => {
    const records = students.map((student) => ({ studentId: studentIds.get(student), status }));
    await rest(url, 'POST', `${path}/attendance`, { records });
  };
  await record(url, 'PRESENT');
  const send = (url: string) =>
    rest(url, 'POST', `${integration}/send-attendance`, { sessionId: session.id });
  const deliveries = async (
    url: string,
    query = '',
  ): Promise<{ status: string; attempts: number; version: number }[]> =>
    (await rest(url, 'GET', `${integration}/deliveries?sessionId=${session.id}&pageSize=200${query}`)).body;
  return { send, deliveries, record };
}

/** A Moodle of one course with forty students, and the calls that marked somebody so far. */
function moodleSchool(latencyMs = 0) {
  const { users, ...lists } = makeMoodleSchool({ courses: 1, students: 40 });
  const moodle = new MoodleSimulator({ users, ...lists, latencyMs });
  const students = users.filter(({ username }) => username.startsWith('s')).map(({ id }) => String(id));
  const marks = () =>
    moodle.calls.filter(({ wsfunction }) => wsfunction === 'mod_attendance_update_user_status');
  const { handle, token } = moodle;
  const school = {
    handle,
    provider: 'MOODLE' as const,
    credentials: { wsToken: token },
    course: '2',
    students,
  };
  return { moodle, marks, school };
}

describe('a process that is killed while it sends attendance', () => {
  const { moodle, marks, school: moodleOf } = moodleSchool();
  const lists = makeIdukaySchool({ students: 250, courses: 1 });
  const gateway = new IdukayGateway({ lists });
  type Ready = Awaited<ReturnType<typeof ready>>;
  let toMoodle: Ready;
  let toIdukay: Ready;
  let again: TestService;
  let markedBefore: number;

  /** It sends to both at once; each leaves it without an answer in the middle, and then it is killed. */
  before(async () => {
    const start = await starting();
    const first = await start();
    let killed = false;
    let held = false;
    toMoodle = await ready(first.url, {
      ...moodleOf,
      handle: (request, response) => {
        if (killed || marks().length < 12) moodle.handle(request, response);
      },
    });
    toIdukay = await ready(first.url, {
      provider: 'IDUKAY',
      config: { pageSize: 500 },
      credentials: { apiKey: gateway.apiKey, institutionCode: gateway.institutionCode },
      course: 'CUR-1',
      students: lists.estudiantes.map(({ id }) => String(id)),
      handle: (request, response) => {
        // The second batch.
        held ||= request.method === 'POST' && gateway.batches.length === 1;
        if (killed || !held) gateway.handle(request, response);
      },
    });
    const sending = [toMoodle, toIdukay].map(({ send }) => send(first.url).catch(() => 'cut'));
    await until(() => held && marks().length >= 12);
    await first.stop('SIGKILL');
    expect(await Promise.all(sending)).to.deep.equal(['cut', 'cut']);
    markedBefore = marks().length;
    killed = true;
    gateway.batches.push(0);
    again = await start();
  });
  after(() => again.stop());

  it('leaves the rest to the next call; Moodle is asked what it has, and nothing is marked twice', async () => {
    const { send, deliveries } = toMoodle;
    expect(markedBefore).to.be.within(12, 39);
    const left = await deliveries(again.url);
    expect(left.map(({ status, attempts }) => [status, attempts])).to.deep.equal(
      Array(40).fill(['QUEUED', 1]),
    );
    expect((await send(again.url)).body).to.deep.include({ success: true, sent: 40, confirmed: 40 });
    const marked = marks().map(({ params }) => params.studentid);
    expect([marked.length, new Set(marked).size]).to.deep.equal([40, 40]);
    const [session, ...others] = moodle.sessions.values();
    expect([session?.log.size, others]).to.deep.equal([40, []]);
    expect((await deliveries(again.url)).map(({ status }) => status)).to.deep.equal(
      Array(40).fill('CONFIRMED'),
    );
  });

  it('does not send again what IDUKAY has taken; what nobody knows of goes again and replaces itself', async () => {
    const { send, deliveries } = toIdukay;
    expect(await deliveries(again.url, '&status=QUEUED')).to.have.length(150);
    expect((await send(again.url)).body).to.deep.include({ success: true, sent: 150, unchanged: 100 });
    expect(gateway.batches).to.deep.equal([100, 0, 100, 50]);
    expect(gateway.marks.size).to.equal(250);
  });
});

describe('a process that is frozen while it sends attendance', () => {
  it('does nothing more when it wakes: another has sent all of it, corrected, and the marks are as that one left them', async function () {
    // Two processes share a database, which the embedded one cannot.
    if (!testDatabaseUrl) return this.skip();
    // So slow that it is caught in the middle.
    const { moodle, marks, school } = moodleSchool(20);
    const start = await starting();
    const first = await start();
    const { send, deliveries, record } = await ready(first.url, school);
    const sending = send(first.url);
    await until(() => marks().length >= 12);
    first.process.kill('SIGSTOP');
    const second = await start();
    await record(second.url, 'ABSENT');
    // Waits until the lease of the frozen process has run out.
    expect((await send(second.url)).body).to.deep.include({ success: true, sent: 40, confirmed: 40 });
    const [session, ...others] = moodle.sessions.values();
    expect(others).to.deep.equal([]);
    const left = new Map(session?.log);
    const count = marks().length;
    first.process.kill('SIGCONT');
    expect((await sending).body).to.deep.include({ code: 'aborted' });
    expect(marks()).to.have.length(count);
    expect(session?.log).to.deep.equal(left);
    expect(new Set([...left.values()].map(({ statusid }) => statusid)).size).to.equal(1);
    const states = (await deliveries(second.url)).map(({ version, status }) => `${version} ${status}`).sort();
    expect(states).to.deep.equal([...Array(40).fill('1 WITHDRAWN'), ...Array(40).fill('2 CONFIRMED')]);
    await first.stop();
    await second.stop();
  });
});
