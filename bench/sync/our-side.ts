import { cp, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createIntegrations, IntegrationProvider, MappingEntityType } from '../../src/index.js';

/**
 * Our side, a process of its own so that its memory can be told: arguments are data folder, database, and the
 * files to sync one after the other. Prints `{ seconds: [...], rssMb }`.
 */
const [dataDir = '', databaseUrl = '', institutionId = '', ...files] = process.argv.slice(2);
const folder = join(dataDir, 'files', 'school');
await mkdir(folder, { recursive: true });
const { integrationService, close } = await createIntegrations({ dataDir, databaseUrl });
const integration = await integrationService.createIntegration({
  institutionId,
  provider: IntegrationProvider.GENERIC_CSV,
  config: { importPath: 'school' },
});
const seconds: number[] = [];
for (const file of files) {
  await cp(file, join(folder, 'students.csv'));
  const start = performance.now();
  const { success, errorCount, errors } = await integrationService.syncData(
    integration.id,
    MappingEntityType.STUDENT,
  );
  seconds.push((performance.now() - start) / 1_000);
  if (!success || errorCount > 0) throw new Error(errors[0]);
}
await close();
// Linux only. What `resourceUsage` tells may be the memory of whoever started this process.
const [, peak] = /^VmHWM:\s+(\d+)/m.exec(await readFile('/proc/self/status', 'utf8')) ?? [];
console.log(JSON.stringify({ seconds, rssMb: Number(peak) / 1_024 }));
