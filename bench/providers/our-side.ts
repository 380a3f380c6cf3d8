import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { SENDING_AT_ONCE } from '../../src/connectors/moodle/moodle-attendance.js';
import { moodleConfig } from '../../src/connectors/moodle/moodle-config.js';
import { createIntegrations, IntegrationProvider, MappingEntityType } from '../../src/index.js';
import { makeMoodleSchool } from '../../test/support/moodle/index.js';
import type { Answered, MoodleOpened } from './moodle-side.js';

/** What one repetition came to. */
export interface Measured {
  /** The four syncs together; `each` holds their seconds. */
  sync: Cost & { each: Record<string, number> };
  /** The same school into another institution, as one run of everything, which reads the people once. */
  everything: Cost;
  /** Everything once more, with nothing changed. */
  again: Cost;
  attendance: Cost & { marks: number };
}

export interface Cost {
  /** Calls that Moodle answered. */
  calls: number;
  /** What its answers took, one after the other. */
  answerSeconds: number;
  /** How many of them the connector makes at once. */
  atOnce: number;
  seconds: number;
  /** What our process worked meanwhile, the embedded database with it. */
  cpuSeconds: number;
}

/** Students of the session whose attendance is sent, or fewer where the course has fewer. */
const CLASS_SIZE = 36;
const { COURSE, GROUP, TEACHER, STUDENT } = MappingEntityType;

/**
 * Our side, a new process for each repetition: arguments are data folder, database ('' for the embedded one),
 * students, courses, latency in milliseconds and factor of the latency of rows. Prints Measured.
 */
const [dataDir = '', databaseUrl = '', ...ofMoodle] = process.argv.slice(2);
const [students = '', courses = ''] = ofMoodle;
const school = makeMoodleSchool({ students: Number(students), courses: Number(courses) });
const moodle = fork(fileURLToPath(new URL('./moodle-side.js', import.meta.url)), ofMoodle);
const [{ url, token }] = (await once(moodle, 'message')) as [MoodleOpened];
const { integrationService, mappingService, rosterService, close } = await createIntegrations({
  dataDir,
  ...(databaseUrl && { databaseUrl }),
});
const { id: integrationId, institutionId } = await newIntegration();
const each: Record<string, number> = {};
const { concurrency } = moodleConfig.parse({ apiUrl: url });
const sync = await measured(concurrency, async () => {
  const expected = {
    [COURSE]: courses,
    [GROUP]: 2 * Number(courses),
    [TEACHER]: courses,
    [STUDENT]: students,
  };
  for (const type of [COURSE, GROUP, TEACHER, STUDENT]) {
    const start = performance.now();
    const { success, synced, errorCount, errors } = await integrationService.syncData(integrationId, type);
    each[type] = (performance.now() - start) / 1_000;
    if (!success || errorCount > 0 || synced !== Number(expected[type]))
      throw new Error(`${type}: ${synced} synced. ${errors[0]}`);
  }
});
const second = await newIntegration();
const everything = await measured(concurrency, async () => {
  const { success, errorCount, errors } = await integrationService.syncData(second.id);
  if (!success || errorCount > 0) throw new Error(errors[0]);
});
const again = await measured(concurrency, async () => {
  const { success, errorCount, errors, counts } = await integrationService.syncData(second.id);
  if (!success || errorCount > 0 || counts.updated > 0) throw new Error(errors[0]);
});

const { sessionId, marks } = await recordClass();
const attendance = await measured(SENDING_AT_ONCE, async () => {
  const { success, sent, errors } = await integrationService.sendAttendance(integrationId, sessionId);
  if (!success || sent !== marks) throw new Error(`${sent} of ${marks} marks were sent. ${errors[0]}`);
});
await close();
moodle.disconnect();
console.log(
  JSON.stringify({
    sync: { ...sync, each },
    everything,
    again,
    attendance: { ...attendance, marks },
  } satisfies Measured),
);

function newIntegration() {
  return integrationService.createIntegration({
    institutionId: randomUUID(),
    provider: IntegrationProvider.MOODLE,
    config: { apiUrl: url },
    credentials: { wsToken: token },
  });
}

async function measured(atOnce: number, work: () => Promise<void>): Promise<Cost> {
  const before = await answered();
  const start = performance.now();
  const cpu = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(cpu);
  const seconds = (performance.now() - start) / 1_000;
  const after = await answered();
  const answerSeconds = (after.milliseconds - before.milliseconds) / 1_000;
  return {
    calls: after.calls - before.calls,
    answerSeconds,
    atOnce,
    seconds,
    cpuSeconds: (user + system) / 1e6,
  };
}

/** What Moodle has answered so far. */
async function answered(): Promise<Answered> {
  moodle.send('answered');
  const [said] = (await once(moodle, 'message')) as [Answered];
  return said;
}

/** A session of the first course with its teacher, and a mark for each student of a class. */
async function recordClass(): Promise<{ sessionId: string; marks: number }> {
  const [course] = school.courses;
  if (!course) throw new Error('--courses must be at least 1');
  const internalId = async (type: MappingEntityType, id: number | undefined) =>
    (await mappingService.getMappingByExternalId(integrationId, type, String(id))).internalId;
  const inRole = (role: string) =>
    course.enrolments.filter(({ roles }) => roles.includes(role)).map(({ userId }) => userId);
  const sessionId = randomUUID();
  await rosterService.putClassSession({
    id: sessionId,
    institutionId,
    groupId: null,
    courseId: await internalId(COURSE, course.id),
    teacherId: await internalId(TEACHER, inRole('editingteacher')[0]),
    startsAt: new Date('2026-03-02T11:00:00Z'),
    endsAt: new Date('2026-03-02T12:30:00Z'),
    topic: null,
  });
  const mark = { arrivalTime: null, permanencePercentage: null, origin: null, source: null, remarks: null };
  const records = inRole('student')
    .slice(0, CLASS_SIZE)
    .map(async (id, index) => {
      const status = index % 9 === 0 ? ('ABSENT' as const) : ('PRESENT' as const);
      return { ...mark, status, studentId: await internalId(STUDENT, id) };
    });
  await rosterService.recordAttendance(institutionId, sessionId, await Promise.all(records));
  return { sessionId, marks: records.length };
}
