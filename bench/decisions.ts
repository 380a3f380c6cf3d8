import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { loadConfig } from '../src/config.js';
import { IntegrationProvider, MappingEntityType } from '../src/connectors/index.js';
import { createLogger } from '../src/observability/index.js';
import { buildServices } from '../src/services.js';
import { withDatabase } from './with-database.js';

const { values: options } = parseArgs({
  options: { rows: { type: 'string', default: '100000' }, repeat: { type: 'string', default: '1' } },
});
const { STUDENT } = MappingEntityType;
/** Taking a first sync back may take so many times as long as the sync. */
const MAX_RATIO = 2;
/** Times below this are noise, in milliseconds. */
const FLOOR_MS = 500;

/**
 * npm run bench:decisions -- --rows 100000: a first sync of students, that sync taken back, the same as a
 * preview, and the preview approved. On TEST_DATABASE_URL and on the embedded database. Exits with 1 when a
 * rollback takes more than twice as long as the first sync.
 */
async function main(): Promise<void> {
  const rows: Row[] = [];
  for (let i = 0; i < Number(options.repeat); i++) {
    const server = process.env.TEST_DATABASE_URL;
    if (server) rows.push(await withDatabase(server, (url) => measure('PostgreSQL', url)));
    rows.push(await measure('embedded', undefined));
  }
  console.table(rows);
  if (rows.some(({ rollbackRatio }) => rollbackRatio > MAX_RATIO)) {
    console.error(`A rollback takes more than ${MAX_RATIO} times as long as the first sync.`);
    process.exitCode = 1;
  }
}

interface Row {
  database: string;
  /** Milliseconds. */
  firstSync: number;
  rollback: number;
  preview: number;
  approval: number;
  /** To the first sync. */
  rollbackRatio: number;
  approvalRatio: number;
}

async function measure(name: string, databaseUrl: string | undefined): Promise<Row> {
  const dataDir = await mkdtemp(join(tmpdir(), 'smartid-bench-'));
  const config = loadConfig({ DATA_DIR: dataDir, DATABASE_URL: databaseUrl });
  const folder = join(config.csvRoot, 'school');
  await mkdir(folder, { recursive: true });
  const ids = Array.from({ length: Number(options.rows) }, (_, i) => i);
  const students = ids.map((id) => `${id},Ana ${id % 97},Soto ${id % 89},a${id}@colegio.example`);
  await writeFile(join(folder, 'students.csv'), `id,nombres,apellidos,correo\n${students.join('\n')}\n`);
  const services = await buildServices({ config, logger: createLogger({ level: 'silent' }) });
  try {
    const { integrationService } = services;
    const { id } = await integrationService.createIntegration({
      institutionId: randomUUID(),
      provider: IntegrationProvider.GENERIC_CSV,
      config: { importPath: 'school' },
    });
    const [first, firstSync] = await timed(() => integrationService.syncData(id, STUDENT));
    const [, rollback] = await timed(() => integrationService.rollbackSync(id, first.runId));
    const [planned, preview] = await timed(() => integrationService.previewSync(id, STUDENT));
    const [, approval] = await timed(() => integrationService.approveSync(id, planned.runId));
    const ratio = (ms: number) =>
      Math.round((Math.max(ms, FLOOR_MS) / Math.max(firstSync, FLOOR_MS)) * 100) / 100;
    return {
      database: name,
      firstSync,
      rollback,
      preview,
      approval,
      rollbackRatio: ratio(rollback),
      approvalRatio: ratio(approval),
    };
  } finally {
    await services.close();
    await rm(dataDir, { recursive: true, force: true });
  }
}

async function timed<T extends { success: boolean; errors: string[] }>(
  work: () => Promise<T>,
): Promise<[T, number]> {
  const start = performance.now();
  const done = await work();
  if (!done.success) throw new Error(done.errors[0]);
  return [done, Math.round(performance.now() - start)];
}

await main();
