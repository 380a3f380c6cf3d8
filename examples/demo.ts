import { randomBytes, randomUUID } from 'node:crypto';
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sendOneClass } from './demo/attendance.js';
import { DemoError, Rest } from './demo/rest.js';
import { type RunningService, startService } from './demo/service.js';
import { listFaults, syncAll } from './demo/sync.js';
import { packageRoot } from './package-root.js';

/** `npm run demo`: a school on a service of its own, seen from outside. `--exit` ends it instead of staying up. */
async function main(): Promise<void> {
  const home = await mkdtemp(join(tmpdir(), 'smartid-demo-'));
  let service: RunningService | undefined;
  let interrupted = false;
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
    await mkdir(join(files, 'export'), { recursive: true });
    await cp(join(packageRoot, 'examples/colegio-san-martin'), join(files, 'import'), { recursive: true });
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
    await show(new Rest(service.url, token), join(files, 'export'));
    if (process.argv.includes('--exit')) return;
    printCommands(service.url, token);
    await service.ended;
    throw new DemoError('the service stopped by itself');
  } catch (error) {
    // What fails because the service was told to stop is no failure.
    if (!interrupted) throw error;
  } finally {
    await service?.stop();
    await rm(home, { recursive: true, force: true });
  }
}

async function show(rest: Rest, exportFolder: string): Promise<void> {
  const institutionId = randomUUID();
  title('Connecting Colegio San Martín');
  const config = { importPath: 'import', exportPath: 'export', timeZone: 'America/Santiago' };
  const { id } = await rest.post<{ id: string }>('/integrations', {
    institutionId,
    provider: 'GENERIC_CSV',
    config,
    credentials: {},
  });
  const test = await rest.post<{ success: boolean; message: string; checks: { message: string }[] }>(`/integrations/${id}/test`);
  if (!test.success) throw new Error(test.message);
  console.log([test.message, ...test.checks.map(({ message }) => `  ${message}`)].join('\n'));

  title('Syncing courses, teachers, groups, students');
  const first = await syncAll(rest, id);

  title('Three students, looked up both ways');
  interface Mapping {
    internalId: string;
    externalId: string;
  }
  for (const { internalId, externalId } of await rest.get<Mapping[]>(
    `/integrations/${id}/mappings?entityType=STUDENT&pageSize=3`,
  )) {
    const forth = await rest.get<Mapping>(`/integrations/${id}/mappings/STUDENT/${internalId}`);
    const back = await rest.get<Mapping>(`/integrations/${id}/mappings/STUDENT/external/${externalId}`);
    console.log(`  ${internalId} → ${forth.externalId}    ${externalId} → ${back.internalId}`);
  }

  title('What was not right in the files');
  const faults = await listFaults(rest, id, first);
  console.log(faults.map((fault) => `  ${fault}`).join('\n'));

  title('Syncing again: nothing changes');
  const again = await syncAll(rest, id);
  if (again.some(({ counts }) => counts.created + counts.updated > 0)) throw new Error('the second sync changed something');

  title('Attendance of one class, sent to the school');
  await sendOneClass({ rest, integrationId: id, institutionId, exportFolder });
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

function title(text: string): void {
  console.log(`\n── ${text}`);
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(`\nThe demo ended: ${error instanceof Error ? error.message : error}`);
    process.exit(1);
  },
);
