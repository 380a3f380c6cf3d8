import { randomUUID } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadConfig } from '../../src/config.js';
import { IntegrationProvider, MappingEntityType } from '../../src/connectors/index.js';
import { createLogger } from '../../src/observability/index.js';
import { buildServices, type Services } from '../../src/services.js';
import { DATABASE_POOL_SIZE, freshDatabaseUrl } from './database.js';
import { layEmbeddedDatabase } from './embedded-template.js';
import { tempFolder } from './temp-folder.js';

export interface TestServices extends Services {
  /** CSV_ROOT of the services. */
  files: string;
}

let services: Promise<TestServices> | undefined;

/** The services on a real database, one for all tests: each test takes an institution of its own. */
export function sharedServices(): Promise<TestServices> {
  services ??= newServices();
  return services;
}

/** Services on a real database of their own. `env`: what else the environment says. */
export async function newServices(env: Readonly<Record<string, string>> = {}): Promise<TestServices> {
  const dataDir = await tempFolder();
  const databaseUrl = await freshDatabaseUrl();
  if (!databaseUrl) await layEmbeddedDatabase(dataDir);
  const config = loadConfig({ ...env, DATA_DIR: dataDir, DATABASE_URL: databaseUrl, DATABASE_POOL_SIZE });
  return Object.assign(await buildServices({ config, logger: createLogger({ level: 'silent' }) }), {
    files: config.csvRoot,
  });
}

/** An integration of an institution of its own in the shared services. */
export async function newIntegration(
  provider: IntegrationProvider,
  config: object,
  credentials: object = {},
) {
  const { integrationService } = await sharedServices();
  const institutionId = randomUUID();
  const settings = { config: { ...config }, credentials: { ...credentials } };
  const { id } = await integrationService.createIntegration({ institutionId, provider, ...settings });
  return { institutionId, integrationId: id };
}

/**
 * Records these marks for a new session of 90 minutes of a group or course; the external id of a student -> the
 * mark.
 */
export async function newSession(
  school: { institutionId: string; integrationId: string },
  where: { group?: string; course?: string; teacher?: string },
  marks: Readonly<Record<string, 'PRESENT' | 'ABSENT' | 'LATE' | 'EXCUSED'>>,
  startsAt = new Date('2026-03-02T11:00:00Z'),
) {
  const { mappingService, rosterService } = await sharedServices();
  const { institutionId, integrationId } = school;
  const internal = async (type: MappingEntityType, id: string | undefined) =>
    id === undefined
      ? null
      : (await mappingService.getMappingByExternalId(integrationId, type, id)).internalId;
  const id = randomUUID();
  await rosterService.putClassSession({
    id,
    institutionId,
    groupId: await internal(MappingEntityType.GROUP, where.group),
    courseId: await internal(MappingEntityType.COURSE, where.course),
    teacherId: await internal(MappingEntityType.TEACHER, where.teacher),
    startsAt,
    endsAt: new Date(startsAt.getTime() + 90 * 60_000),
    topic: null,
  });
  const mark = async (changed: typeof marks) => {
    const none = { arrivalTime: null, permanencePercentage: null, origin: null, source: null, remarks: null };
    const records = Object.entries(changed).map(async ([student, status]) => {
      return { ...none, status, studentId: (await internal(MappingEntityType.STUDENT, student)) as string };
    });
    await rosterService.recordAttendance(institutionId, id, await Promise.all(records));
  };
  await mark(marks);
  return { id, mark };
}

/** A school of its own in the shared services: a folder, and an integration that reads it. */
export async function newSchool(csv: Record<string, string | Buffer> = {}, config: object = {}) {
  const { files } = await sharedServices();
  const name = randomUUID();
  const folder = join(files, name);
  await mkdir(join(folder, 'export'), { recursive: true });
  const write = async (contents: Record<string, string | Buffer>) => {
    for (const [name, content] of Object.entries(contents)) await writeFile(join(folder, name), content);
  };
  await write(csv);
  const paths = { importPath: name, exportPath: `${name}/export` };
  const school = await newIntegration(IntegrationProvider.GENERIC_CSV, { ...paths, ...config });
  const remove = (name: string) => rm(join(folder, name));
  return { ...school, folder, write, remove };
}
