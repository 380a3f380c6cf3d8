import { randomUUID } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { z } from 'zod';
import { loadConfig } from '../../src/config.js';
import {
  type ConnectorDefinition,
  ConnectorError,
  type OneEntity,
  RosterConnector,
  type StudentRecord,
} from '../../src/connectors/index.js';
import { MappingEntityType } from '../../src/index.js';
import { createLogger } from '../../src/observability/index.js';
import { buildServices, type Services } from '../../src/services.js';
import { atFileEnd } from './at-file-end.js';
import { DATABASE_POOL_SIZE } from './database.js';
import type { Place } from './gated-school.js';

const { STUDENT, TEACHER } = MappingEntityType;

/** A school in memory that tells of its changes by webhooks, and what was asked of it. */
export class TellingSchool {
  readonly students = new Map<string, StudentRecord>();
  /** `list`, or the id of a student that was asked for alone. */
  readonly asked: string[] = [];
  /** Awaited before anything is answered. */
  before: () => Promise<unknown> = () => Promise.resolve();
  /** Whether single students can be told. */
  tellsOne = true;

  put(id: string, givenName: string, familyName = 'Soto'): void {
    this.students.set(id, { externalId: id, givenName, familyName });
  }
}

const schools = new Map<string, TellingSchool>();

class TellingConnector extends RosterConnector<{ school: string }> {
  get #school(): TellingSchool {
    const school = schools.get(this.config.school);
    if (!school) throw new ConnectorError('There is no such school.');
    return school;
  }

  async testConnection() {
    return { success: true };
  }

  async *students() {
    this.#school.asked.push('list');
    await this.#school.before();
    yield [...this.#school.students.values()];
  }

  override async *teachers() {
    this.#school.asked.push('teachers');
    yield [];
  }

  override async one(_type: MappingEntityType, id: string): Promise<OneEntity | null | undefined> {
    const school = this.#school;
    school.asked.push(id);
    await school.before();
    if (!school.tellsOne) return undefined;
    const record = school.students.get(id);
    return record ? { record } : null;
  }
}

/** Students can be told one by one, teachers cannot; a body of its own is `{"alumno": "17"}`. */
export const telling: ConnectorDefinition = {
  provider: 'TELLING',
  title: 'A school in memory that tells',
  config: z.strictObject({ school: z.string() }),
  credentials: z.strictObject({}),
  capabilities: { entityTypes: [STUDENT, TEACHER], sendsAttendance: false, readsOne: [STUDENT] },
  receive(body) {
    const { alumno, silencio } = body as { alumno?: unknown; silencio?: unknown };
    if (silencio) return [];
    if (typeof alumno !== 'string') throw new ConnectorError('alumno is required: the id of the student.');
    return [{ entityType: STUDENT, externalIds: [alumno] }];
  },
  create: (context) => new TellingConnector(context),
};

/** Services as one process has them, with such schools. */
export async function tellingServices(
  { dataDir, databaseUrl }: Place,
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
    connectors: [telling],
  });
  atFileEnd(() => services.close());
  return services;
}

/** A school with an integration, and how it signs and sends. */
export async function newTellingSchool({ integrationService, webhookService }: Services) {
  const school = new TellingSchool();
  const name = randomUUID();
  schools.set(name, school);
  const institutionId = randomUUID();
  const { id } = await integrationService.createIntegration({
    institutionId,
    provider: 'TELLING',
    config: { school: name },
  });
  const made = await webhookService.createWebhookSecret(id);
  /** Sends a body, signed with a secret; returns the receipt, or throws as the service does. */
  const send = (
    body: unknown,
    {
      webhookId = `msg_${randomUUID()}`,
      secret = made.secret,
      at = new Date(),
      to = id,
      by = webhookService,
    }: { webhookId?: string; secret?: string; at?: Date; to?: string; by?: Services['webhookService'] } = {},
  ) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    return by.receiveWebhook(to, signedHeadersOf(text, { webhookId, secret, at }), Buffer.from(text));
  };
  return { school, id, institutionId, secret: made.secret, secretId: made.webhookSecret.id, send };
}

/** The headers that the library of Standard Webhooks makes for a body. */
export function signedHeadersOf(
  text: string,
  { webhookId, secret, at = new Date() }: { webhookId: string; secret: string; at?: Date },
) {
  return {
    id: webhookId,
    timestamp: String(Math.floor(at.getTime() / 1_000)),
    signature: new Webhook(secret).sign(webhookId, at, text),
  };
}
