import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { loadConfig } from '../../src/config.js';
import { type ConnectorDefinition, RosterConnector, type StudentRecord } from '../../src/connectors/index.js';
import { MappingEntityType } from '../../src/index.js';
import { createLogger } from '../../src/observability/index.js';
import { buildServices, type Services } from '../../src/services.js';
import { atFileEnd } from './at-file-end.js';
import { DATABASE_POOL_SIZE, freshDatabaseUrl } from './database.js';
import { layEmbeddedDatabase } from './embedded-template.js';
import { tempFolder } from './temp-folder.js';

type Page = readonly StudentRecord[] | { records: readonly StudentRecord[]; declaredTotal?: number };

/** The students of a school as a test yields them; `signal` is the connector's. */
export type Reading = (signal: AbortSignal) => AsyncIterable<Page>;

/** School systems in memory, by the name in their config. */
export class GatedSchools {
  readonly #readings = new Map<string, Reading>();
  /** Names of schools in the order in which their readings began. */
  readonly begun: string[] = [];

  set(name: string, reading: Reading): void {
    this.#readings.set(name, reading);
  }

  readonly definition: ConnectorDefinition = this.#define('GATED', false);
  /** The same with a list of one course, which is read before the students. */
  readonly withCourse: ConnectorDefinition = this.#define('GATED_WITH_COURSE', true);

  #define(provider: string, hasCourse: boolean): ConnectorDefinition {
    const schools = this;
    class GatedConnector extends RosterConnector<{ school: string }> {
      override async *courses() {
        yield [{ externalId: 'c1', name: 'Matemática' }];
      }

      async testConnection() {
        return { success: true };
      }

      async *students() {
        schools.begun.push(this.config.school);
        yield* schools.#readings.get(this.config.school)?.(this.context.signal) ?? [];
      }
    }
    return {
      provider,
      title: 'A school in memory',
      config: z.strictObject({ school: z.string(), host: z.string().optional() }),
      credentials: z.strictObject({}),
      capabilities: {
        entityTypes: [...(hasCourse ? [MappingEntityType.COURSE] : []), MappingEntityType.STUDENT],
        sendsAttendance: false,
      },
      host: ({ host }) => (typeof host === 'string' ? { name: host, limit: 1 } : undefined),
      create: (context) => new GatedConnector(context),
    };
  }
}

/** Where to build services, again and again. */
export interface Place {
  dataDir: string;
  databaseUrl: string | undefined;
}

export async function newPlace(): Promise<Place> {
  const dataDir = await tempFolder();
  const databaseUrl = await freshDatabaseUrl();
  if (!databaseUrl) await layEmbeddedDatabase(dataDir);
  return { dataDir, databaseUrl };
}

/** Services as one process has them. */
export async function servicesAt(
  { dataDir, databaseUrl }: Place,
  schools: GatedSchools,
  { workers = 2 }: { workers?: number } = {},
): Promise<Services> {
  const services = await buildServices({
    config: loadConfig({
      DATA_DIR: dataDir,
      DATABASE_URL: databaseUrl,
      DATABASE_POOL_SIZE,
      WORKERS: String(workers),
    }),
    logger: createLogger({ level: 'silent' }),
    connectors: [schools.definition, schools.withCourse],
  });
  atFileEnd(() => services.close());
  return services;
}

/** An integration with a school of this name. */
export async function gatedIntegration(
  { integrationService }: Pick<Services, 'integrationService'>,
  schools: GatedSchools,
  reading: Reading,
  {
    institutionId = randomUUID(),
    host,
    provider = 'GATED',
  }: { institutionId?: string; host?: string; provider?: string } = {},
) {
  const school = randomUUID();
  schools.set(school, reading);
  const { id } = await integrationService.createIntegration({
    institutionId,
    provider,
    config: { school, ...(host !== undefined && { host }) },
  });
  return { id, institutionId, school };
}
