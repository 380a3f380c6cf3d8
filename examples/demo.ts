import { randomBytes, randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sendOneClass } from './demo/attendance.js';
import { Receiver, summary, type Told } from './demo/receiver.js';
import { DemoError, Rest } from './demo/rest.js';
import { setSchedule, watchScheduled } from './demo/schedule.js';
import { type RunningService, startService } from './demo/service.js';
import { listFaults, syncAll } from './demo/sync.js';
import { openFolder, openIdukay, openMoodle, type SchoolSystem } from './demo/systems.js';
import { showLife, table, title } from './demo/terminal.js';

/**
 * `npm run demo`: a school in three systems and a service of its own, seen from outside. `--exit` ends it
 * instead of staying up.
 */
async function main(): Promise<void> {
  const home = await mkdtemp(join(tmpdir(), 'smartid-demo-'));
  const systems: SchoolSystem[] = [];
  const receiver = new Receiver();
  let service: RunningService | undefined;
  let interrupted = false;
  const quiet = showLife();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      // Whoever asks twice does not want to wait.
      if (interrupted) process.exit(1);
      interrupted = true;
      void service?.stop();
    });
  }
  try {
    const token = randomBytes(32).toString('hex');
    const files = join(home, 'files');
    await mkdir(files);
    await receiver.open();
    systems.push(await openFolder(files), await openMoodle(), await openIdukay());
    title('Starting the service on a new embedded database');
    service = await startService({
      DATA_DIR: home,
      CSV_ROOT: files,
      ADMIN_TOKEN: token,
      PORT: '0',
      HOST: '127.0.0.1',
      LOG_FORMAT: 'json',
      LOG_LEVEL: 'info',
      DATABASE_URL: '',
    });
    if (interrupted) return;
    console.log(service.url);
    await show(new Rest(service.url, token), systems, receiver);
    if (process.argv.includes('--exit')) return;
    printCommands(service.url, token);
    quiet();
    await service.ended;
    throw new DemoError('the service stopped by itself');
  } catch (error) {
    // What fails because the service was told to stop is no failure.
    if (!interrupted) throw error;
  } finally {
    await service?.stop();
    receiver.close();
    await Promise.all(systems.map((system) => system.close()));
    await rm(home, { recursive: true, force: true });
  }
}

/** A line of the closing table: what all syncs and the sending of one provider came to. */
type Tally = Record<'read' | 'created' | 'updated' | 'failed' | 'sent' | 'confirmed', number>;

/** One school system after the other, each for an institution of its own. */
async function show(rest: Rest, systems: readonly SchoolSystem[], receiver: Receiver): Promise<void> {
  const tallies: Record<string, Tally> = {};
  let scheduled: { id: string; institutionId: string } | undefined;
  for (const system of systems) {
    const { provider, config, credentials } = system;
    title(`Connecting Colegio San Martín: ${system.title}`);
    const institutionId = randomUUID();
    const { id } = await rest.post<{ id: string }>('/integrations', {
      institutionId,
      provider,
      config,
      credentials,
    });
    await testConnection(rest, id);
    await receiver.subscribe(rest, institutionId);

    title('Syncing courses, teachers, groups, students');
    const first = await syncAll(rest, id);

    title('Three students, looked up both ways');
    await lookUp(rest, id);

    title('What was not right');
    const faults = await listFaults(rest, id, first);
    console.log(faults.length > 0 ? faults.map((fault) => `  ${fault}`).join('\n') : '  nothing');

    title('Syncing again: nothing changes');
    const again = await syncAll(rest, id);
    if (again.some(({ counts }) => counts.created + counts.updated > 0))
      throw new Error('the second sync changed something');

    title('The school corrects a name');
    await system.correctName();
    const corrected = await syncAll(rest, id, ['STUDENT']);

    if (system.losePart) await showHeldPlan(rest, id, system.losePart);

    title('Attendance of one class, sent to the school');
    const { sent, confirmed = 0 } = await sendOneClass({ rest, integrationId: id, institutionId });
    console.log(['', ...(await system.show())].join('\n'));

    title('What a backend was told by webhooks, signatures verified');
    console.log(summary(await receiver.toldOf(institutionId, ({ type }) => type === 'attendance.delivered')));

    if (!scheduled) {
      title('From now on it syncs by itself');
      await setSchedule(rest, id);
      scheduled = { id, institutionId };
    }

    const total = (count: 'read' | 'created' | 'updated' | 'failed') =>
      [...first, ...again, ...corrected].reduce((sum, { counts }) => sum + counts[count], 0);
    const [read, created, updated, failed] = [
      total('read'),
      total('created'),
      total('updated'),
      total('failed'),
    ];
    tallies[provider] = { read, created, updated, failed, sent, confirmed };
  }
  if (scheduled) await showScheduled(rest, scheduled, receiver);
  title('All providers');
  console.log(table(Object.entries(tallies)));
}

/** The run that a schedule starts, and the event of its end. */
async function showScheduled(
  rest: Rest,
  { id, institutionId }: { id: string; institutionId: string },
  receiver: Receiver,
): Promise<void> {
  title('The schedule starts its sync at the next full minute');
  const run = await watchScheduled(rest, id);
  if (run.status !== 'COMPLETED' || run.trigger !== 'SCHEDULE')
    throw new Error(`the scheduled sync ended as ${run.status}: ${run.error}`);
  const isItsEnd = ({ type, data }: Told) => type === 'sync.completed' && data.runId === run.id;
  const event = (await receiver.toldOf(institutionId, isItsEnd)).find(isItsEnd);
  console.log(`  run ${run.id}: ${run.counts.read} read, ${run.counts.unchanged} unchanged`);
  console.log(`  told by webhook: ${event?.type} of ${event?.data.entityType}`);
}

/** A part of a file takes nobody away: the plan is held, looked at, and put away. */
async function showHeldPlan(
  rest: Rest,
  id: string,
  losePart: () => Promise<() => Promise<void>>,
): Promise<void> {
  title('By accident the school sends a part of its file');
  const restore = await losePart();
  const { success, runId, errors } = await rest.post<{ success: boolean; runId: string; errors: string[] }>(
    `/integrations/${id}/sync`,
    { entityType: 'STUDENT' },
  );
  if (success) throw new Error('a part of a file was taken for the whole');
  console.log(errors[0]);
  const changes = await rest.get<{ action: string; externalId: string }[]>(
    `/integrations/${id}/runs/${runId}/changes?pageSize=3`,
  );
  console.log(changes.map(({ action, externalId }) => `  would be ${action}: ${externalId}`).join('\n'));
  const { status } = await rest.post<{ status: string }>(`/integrations/${id}/runs/${runId}/discard`, {
    reason: 'a part of the file',
  });
  console.log(`the plan is ${status}`);
  await restore();
}

async function testConnection(rest: Rest, id: string): Promise<void> {
  const test = await rest.post<{ success: boolean; message: string; checks: { message: string }[] }>(
    `/integrations/${id}/test`,
  );
  if (!test.success) throw new Error(test.message);
  console.log([test.message, ...test.checks.map(({ message }) => `  ${message}`)].join('\n'));
}

async function lookUp(rest: Rest, id: string): Promise<void> {
  interface Mapping {
    internalId: string;
    externalId: string;
  }
  for (const { internalId, externalId } of await rest.get<Mapping[]>(
    `/integrations/${id}/mappings?entityType=STUDENT&pageSize=3`,
  )) {
    const forth = await rest.get<Mapping>(`/integrations/${id}/mappings/STUDENT/${internalId}`);
    const back = await rest.get<Mapping>(`/integrations/${id}/mappings/STUDENT/external/${externalId}`);
    const isSame = back.internalId === internalId ? 'the same' : back.internalId;
    console.log(`  ${internalId} → ${forth.externalId} → ${isSame}`);
  }
}

function printCommands(url: string, token: string): void {
  title('The service stays up. Try it, and end it with Ctrl-C');
  const header = `-H 'Authorization: Bearer ${token}'`;
  const method = 'smartid.integrations.v1.IntegrationService/ListIntegrations';
  console.log(`URL    ${url}
token  ${token}

curl ${header} ${url}/integrations

npx buf curl --protocol grpc --http2-prior-knowledge ${header} ${url}/${method}

grpcurl -plaintext ${header} ${url.replace('http://', '')} ${method}
`);
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(`\nThe demo ended: ${error instanceof Error ? error.message : error}`);
    process.exit(1);
  },
);
