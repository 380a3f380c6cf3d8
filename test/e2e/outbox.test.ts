import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { freshDatabaseUrl, testDatabaseUrl } from '../support/database.js';
import { layEmbeddedDatabase } from '../support/embedded-template.js';
import { IdukayGateway, makeIdukaySchool } from '../support/idukay/index.js';
import { type Listening, listenOn } from '../support/listen.js';
import { MoodleSimulator, makeMoodleSchool } from '../support/moodle/index.js';
import { rest, startService } from '../support/service.js';
import { tempFolder } from '../support/temp-folder.js';

const open: Listening[] = [];
after(() => Promise.all(open.map((server) => server.close())));

interface Provider {
  handle: Parameters<typeof listenOn>[0];
  provider: 'MOODLE' | 'IDUKAY';
  config?: object;
  credentials: object;
  /** External ids of the course that is taught and of its students. */
  course: string;
  students: string[];
}

/** A school on a service of its own, synced, with one session of which everybody has a mark. */
async function ready({ handle, provider, config, credentials, course, students }: Provider) {
  const dataDir = await tempFolder();
  const databaseUrl = await freshDatabaseUrl();
  if (!databaseUrl) await layEmbeddedDatabase(dataDir);
  const env = databaseUrl ? { DATABASE_URL: databaseUrl } : {};
  const school = await listenOn(handle);
  open.push(school);
  const first = await startService({ dataDir, env });
  const institutionId = randomUUID();
  const settings = { config: { apiUrl: school.url, ...config }, credentials };
  const { id } = (await rest(first.url, 'POST', '/integrations', { institutionId, provider, ...settings }))
    .body;
  for (const entityType of ['COURSE', 'STUDENT'])
    await rest(first.url, 'POST', `/integrations/${id}/sync`, { entityType });
  const internal = async (type: string, externalId: string, url = first.url) =>
    (await rest(url, 'GET', `/integrations/${id}/mappings/${type}/external/${externalId}`)).body
      .internalId as string;
  const session = { id: randomUUID(), institutionId, courseId: await internal('COURSE', course) };
  const path = `/institutions/${institutionId}/class-sessions/${session.id}`;
  const times = { startsAt: '2026-03-02T11:00:00Z', endsAt: '2026-03-02T12:30:00Z' };
  await rest(first.url, 'PUT', path, { ...session, ...times });
  const record = async (url: string, status: string) => {
    const records = students.map(async (student) => ({
      studentId: await internal('STUDENT', student, url),
      status,
    }));
    await rest(url, 'POST', `${path}/attendance`, { records: await Promise.all(records) });
  };
  await record(first.url, 'PRESENT');
  const send = (url: string) =>
    rest(url, 'POST', `/integrations/${id}/send-attendance`, { sessionId: session.id });
  const deliveries = async (
    url: string,
    query = '',
  ): Promise<{ status: string; attempts: number; version: number }[]> =>
    (await rest(url, 'GET', `/integrations/${id}/deliveries?sessionId=${session.id}&pageSize=200${query}`))
      .body;
  return { first, restart: () => startService({ dataDir, env }), send, deliveries, record };
}

describe('a process that is killed while it sends attendance', () => {
  it('leaves the rest to the next call; Moodle is asked what it has, and nothing is marked twice', async () => {
    const school = makeMoodleSchool({ courses: 1, students: 40 });
    const moodle = new MoodleSimulator({ ...school, latencyMs: 20 });
    const students = school.users
      .filter(({ username }) => username.startsWith('s'))
      .map(({ id }) => String(id));
    const credentials = { wsToken: moodle.token };
    const provider = {
      handle: moodle.handle,
      provider: 'MOODLE' as const,
      credentials,
      course: '2',
      students,
    };
    const { first, restart, send, deliveries } = await ready(provider);
    const marks = () =>
      moodle.calls.filter(({ wsfunction }) => wsfunction === 'mod_attendance_update_user_status');
    const sending = send(first.url).catch(() => 'cut');
    while (marks().length < 12) await new Promise(setImmediate);
    await first.stop('SIGKILL');
    expect(await sending).to.equal('cut');
    const before = marks().length;
    expect(before).to.be.within(12, 39);

    const again = await restart();
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
    await again.stop();
  });

  it('does not send again what IDUKAY has taken; what nobody knows of goes again and replaces itself', async () => {
    const lists = makeIdukaySchool({ students: 250, courses: 1 });
    const gateway = new IdukayGateway({ lists });
    const { apiKey, institutionCode } = gateway;
    let held: (() => void) | undefined;
    const handle: typeof gateway.handle = (request, response) => {
      // The second batch is left without an answer.
      if (request.method === 'POST' && gateway.batches.length === 1)
        held = () => gateway.handle(request, response);
      else gateway.handle(request, response);
    };
    const students = lists.estudiantes.map(({ id }) => String(id));
    const credentials = { apiKey, institutionCode };
    const config = { pageSize: 500 };
    const { first, restart, send, deliveries } = await ready({
      handle,
      provider: 'IDUKAY',
      config,
      credentials,
      course: 'CUR-1',
      students,
    });
    const sending = send(first.url).catch(() => 'cut');
    while (!held) await new Promise(setImmediate);
    await first.stop('SIGKILL');
    await sending;
    gateway.batches.push(0);

    const again = await restart();
    expect(await deliveries(again.url, '&status=QUEUED')).to.have.length(150);
    expect((await send(again.url)).body).to.deep.include({ success: true, sent: 150, unchanged: 100 });
    expect(gateway.batches).to.deep.equal([100, 0, 100, 50]);
    expect(gateway.marks.size).to.equal(250);
    await again.stop();
  });
});

describe('a process that is frozen while it sends attendance', () => {
  it('does nothing more when it wakes: another has sent all of it, corrected, and the marks are as that one left them', async function () {
    // Two processes share a database, which the embedded one cannot.
    if (!testDatabaseUrl) return this.skip();
    const school = makeMoodleSchool({ courses: 1, students: 40 });
    const moodle = new MoodleSimulator({ ...school, latencyMs: 20 });
    const students = school.users
      .filter(({ username }) => username.startsWith('s'))
      .map(({ id }) => String(id));
    const credentials = { wsToken: moodle.token };
    const provider = {
      handle: moodle.handle,
      provider: 'MOODLE' as const,
      credentials,
      course: '2',
      students,
    };
    const { first, restart, send, deliveries, record } = await ready(provider);
    const marks = () =>
      moodle.calls.filter(({ wsfunction }) => wsfunction === 'mod_attendance_update_user_status');
    const sending = send(first.url);
    while (marks().length < 12) await new Promise(setImmediate);
    first.process.kill('SIGSTOP');
    const second = await restart();
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
