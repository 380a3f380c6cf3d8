import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openFolder, openMoodle, type SchoolSystem } from '../../../examples/demo/systems.js';
import { rest, startService, type TestService } from '../service.js';

/** A service with schools in every state that the console shows. */
export interface ConsoleWorld {
  service: TestService;
  institutionId: string;
  /** Synced, with issues, a held plan, a schedule, attendance. */
  folder: string;
  /** The same institution's Moodle, whose people wait for a person to say who they are. */
  moodle: string;
  /** Its last sync failed. */
  failing: string;
  /** The run whose plan is held, a run that completed, and one with failed rows. */
  heldRun: string;
  completedRun: string;
  sessionId: string;
  studentId: string;
  systems: { folder: SchoolSystem; moodle: SchoolSystem };
  close(): Promise<void>;
}

export async function openWorld(): Promise<ConsoleWorld> {
  const service = await startService();
  const call = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const answer = await rest(service.url, method, path, body);
    if (answer.status >= 400) throw new Error(`${method} ${path}: ${JSON.stringify(answer.body)}`);
    return answer.body as T;
  };
  const institutionId = randomUUID();
  const create = async (
    system: Pick<SchoolSystem, 'provider' | 'config' | 'credentials'>,
    more: object = {},
  ) => {
    const { provider, config, credentials } = system;
    const body = { institutionId, provider, config, credentials, ...more };
    return (await call<{ id: string }>('POST', '/integrations', body)).id;
  };
  await mkdir(service.files, { recursive: true });
  const systems = { folder: await openFolder(service.files), moodle: await openMoodle() };
  const folder = await create(systems.folder);
  const sync = (id: string, entityType = 'ALL') =>
    call<{ runId: string }>('POST', `/integrations/${id}/sync`, { entityType });
  const first = await sync(folder);
  const sessionId = await takeAttendance(call, institutionId, folder);
  const cautious = { policy: { correlation: { link: 1, conflict: 0.5 } } };
  const moodle = await create(systems.moodle, cautious);
  for (const type of ['COURSE', 'TEACHER', 'STUDENT']) await sync(moodle, type);
  const failing = await create({
    provider: 'GENERIC_CSV',
    config: { importPath: 'san-pedro' },
    credentials: {},
  });
  await rest(service.url, 'POST', `/integrations/${failing}/sync`, { entityType: 'ALL' });
  const measureDrift = () => call('POST', `/integrations/${folder}/preview`, { entityType: 'STUDENT' });
  await measureDrift();
  await systems.folder.correctName();
  await measureDrift();
  for (let times = 0; times < 3; times++) await sync(folder, 'STUDENT');
  await measureDrift();
  await call('PUT', `/integrations/${folder}/schedules/ALL`, { cron: '30 2 * * 1-5', jitterSeconds: 600 });
  await call('POST', `/integrations/${folder}/webhook-secrets`, {});
  await call('POST', `/institutions/${institutionId}/subscriptions`, {
    url: 'https://example.invalid/events',
    types: ['sync.held', 'sync.failed'],
    description: 'Libro de clases',
  });
  await systems.folder.losePart?.();
  const held = await sync(folder, 'STUDENT');
  const [student] = await call<{ id: string }[]>('GET', `/institutions/${institutionId}/students?pageSize=1`);
  return {
    service,
    institutionId,
    folder,
    moodle,
    failing,
    heldRun: held.runId,
    completedRun: first.runId,
    sessionId,
    studentId: student?.id ?? '',
    systems,
    async close() {
      await service.stop('SIGKILL');
      await systems.moodle.close();
    },
  };
}

type Call = <T>(method: string, path: string, body?: unknown) => Promise<T>;

/** A lesson with its marks, sent; and a mark that was corrected afterwards. */
async function takeAttendance(call: Call, institutionId: string, integrationId: string): Promise<string> {
  const institution = `/institutions/${institutionId}`;
  const [group] = await call<{ id: string }[]>('GET', `${institution}/groups?pageSize=1`);
  const students = await call<{ id: string }[]>(
    'GET',
    `${institution}/students?groupId=${group?.id}&pageSize=100`,
  );
  const id = randomUUID();
  const path = `${institution}/class-sessions/${id}`;
  const [startsAt, endsAt] = ['2026-11-23T11:00:00Z', '2026-11-23T12:30:00Z'];
  await call('PUT', path, { groupId: group?.id, startsAt, endsAt, topic: 'Repaso' });
  const marks = ['PRESENT', 'PRESENT', 'LATE', 'PRESENT', 'ABSENT', 'EXCUSED'];
  const records = students.map((student, index) => {
    return { studentId: student.id, status: marks[index % marks.length], origin: 'AI', source: 'NFC' };
  });
  await call('POST', `${path}/attendance`, { records });
  await call('POST', `/integrations/${integrationId}/send-attendance`, { sessionId: id });
  await call('POST', `${path}/attendance`, { records: [{ ...records[0], status: 'LATE' }] });
  return id;
}

/** A folder with so many students that a sync takes a while. */
export async function writeLargeSchool(files: string, name: string, students: number): Promise<void> {
  await mkdir(join(files, name), { recursive: true });
  const lines = ['id,nombres,apellidos,correo'];
  for (let n = 1; n <= students; n++) lines.push(`S${n},Nombre ${n},Apellido ${n},s${n}@colegio.cl`);
  await writeFile(join(files, name, 'students.csv'), lines.join('\n'));
}
