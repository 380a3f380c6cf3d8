import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadConfig } from '../../src/config.js';
import { IntegrationProvider } from '../../src/connectors/index.js';
import { buildHouse, type House } from '../../src/house.js';
import { createLogger } from '../../src/observability/index.js';
import { freshDatabaseUrl } from './database.js';
import { layEmbeddedDatabase } from './embedded-template.js';
import { tempFolder } from './temp-folder.js';

export interface TestHouse extends House {
  /** CSV_ROOT of the house. */
  files: string;
}

let house: Promise<TestHouse> | undefined;

/** The services on a real database, one for all tests: each test takes an institution of its own. */
export function sharedHouse(): Promise<TestHouse> {
  house ??= build();
  return house;
}

async function build(): Promise<TestHouse> {
  const dataDir = await tempFolder();
  const databaseUrl = await freshDatabaseUrl();
  if (!databaseUrl) await layEmbeddedDatabase(dataDir);
  const config = loadConfig({ DATA_DIR: dataDir, DATABASE_URL: databaseUrl });
  return Object.assign(await buildHouse({ config, logger: createLogger({ level: 'silent' }) }), { files: config.csvRoot });
}

after(async () => {
  await (await house)?.close();
});

/** A school of its own in the shared house: a folder, and an integration that reads it. */
export async function newSchool(csv: Record<string, string | Buffer> = {}, config: object = {}) {
  const { files, integrationService } = await sharedHouse();
  const institutionId = randomUUID();
  const folder = join(files, institutionId);
  await mkdir(join(folder, 'export'), { recursive: true });
  const write = async (contents: Record<string, string | Buffer>) => {
    for (const [name, content] of Object.entries(contents)) await writeFile(join(folder, name), content);
  };
  await write(csv);
  const integration = await integrationService.createIntegration({
    institutionId,
    provider: IntegrationProvider.GENERIC_CSV,
    config: { importPath: institutionId, exportPath: `${institutionId}/export`, ...config },
    credentials: {},
  });
  return { institutionId, integrationId: integration.id, folder, write };
}
