import { AttendanceJobs, AttendanceService, readOutboxBacklog } from './attendance/index.js';
import { AuditService, Refusals } from './audit/index.js';
import type { Config } from './config.js';
import { type ConnectorDefinition, ConnectorFactory, Outbound } from './connectors/index.js';
import { type EmbeddedPostgresStart, startEmbeddedPostgres } from './database/embedded/index.js';
import { Database, explainUnusable, Leases, migrate } from './database/index.js';
import { lackOfRoom } from './disk-room.js';
import { EventPublisher, EventSender, EventService, SubscriptionStore } from './events/index.js';
import { KeptAnswers } from './idempotency/index.js';
import {
  ConnectorSessions,
  CredentialKeys,
  capabilitiesOf,
  cursorsOf,
  IntegrationService,
  IntegrationStore,
  logSending,
  PushIntake,
  readSyncAges,
  StoredMemory,
  SyncOutcome,
  syncWork,
  timeZoneOf,
} from './integrations/index.js';
import { JobQueue } from './jobs/index.js';
import { MappingService } from './mappings/index.js';
import type { Logger, Readings } from './observability/index.js';
import { Retention } from './retention/index.js';
import { type OrderSending, RosterService } from './roster/index.js';
import { ScheduleRunner, ScheduleService } from './schedules/index.js';
import { CredentialVault, createPathJail, loadCredentialKeys } from './security/index.js';
import { type HeldRun, MOST_SINGLE, RunJobs, readRunBacklog, SyncService } from './sync/index.js';
import {
  ReceivedStore,
  readWebhookBacklog,
  WebhookIntake,
  WebhookJobs,
  WebhookSecretStore,
  WebhookService,
} from './webhooks/index.js';

/** The services of the product, without a port. */
export interface Services {
  integrationService: IntegrationService;
  mappingService: MappingService;
  rosterService: RosterService;
  eventService: EventService;
  connectorFactory: ConnectorFactory;
  credentialKeys: CredentialKeys;
  auditService: AuditService;
  scheduleService: ScheduleService;
  webhookService: WebhookService;
  refusals: Refusals;
  /** What calls with an Idempotency-Key were answered. */
  keptAnswers: KeptAnswers;
  database: Database;
  /** Durable jobs. */
  jobs: JobQueue;
  /** Deletes what is older than it is kept. */
  retention: Retention;
  /** How things stand, for metrics. */
  readings: Readings;
  /** What keeps the service from its work, a sentence each: the database does not answer, a disk is full. */
  obstacles(): Promise<string[]>;
  /** Whether nothing does. */
  ready(): Promise<boolean>;
  /** Takes no more work, and hands back what nobody waits for here: other processes go on with it. */
  drain(): Promise<void>;
  /** Lets work under way come to a safe point, hands it back, and closes the database. */
  close(): Promise<void>;
}

export interface ServicesOptions {
  config: Config;
  logger: Logger;
  /** Connectors besides the built-in ones. */
  connectors?: readonly ConnectorDefinition[];
  /** The start of the embedded database, where it is under way already. */
  begun?: EmbeddedPostgresStart | undefined;
  /** Called when the embedded database dies on its own. */
  onFailure?: (error: Error) => void;
}

/** How long a process may be silent before another takes its runs over. */
const LEASE_SECONDS = 15;
/** How long the service waits at its end for jobs under way, in milliseconds. */
const STOP_MS = 10_000;

/** Builds every part once, in order, and hands each what it needs. */
export async function buildServices({
  config,
  logger,
  connectors,
  begun,
  onFailure,
}: ServicesOptions): Promise<Services> {
  const factory = new ConnectorFactory(undefined, connectors);
  const storage = await openDatabase({ config, logger, begun, onFailure });
  const { database } = storage;
  try {
    const jobs = new JobQueue({ database, logger });
    await migrate(database, logger)
      .then(() => jobs.start())
      .catch((error: unknown) => {
        throw config.databaseUrl ? explainUnusable(error, config.databaseUrl.reveal()) : error;
      });
    const vault = new CredentialVault(await loadCredentialKeys(config));
    const credentialKeys = new CredentialKeys(database, vault);
    const lostKeys = await credentialKeys.warning();
    if (lostKeys) logger.warn(lostKeys);
    const outbound = new Outbound({ allow: config.outboundAllow });
    const store = new IntegrationStore(database);
    const files = createPathJail(config.csvRoot);
    const sessions = new ConnectorSessions({
      factory,
      vault,
      files,
      outbound,
      s3: config.s3,
      cursor: cursorsOf(database),
      memoryOf: (integrationId) => new StoredMemory(database, integrationId),
      logger,
    });
    const leases = new Leases({ database, logger, ttlSeconds: LEASE_SECONDS });
    const syncs = new SyncService({
      database,
      leases,
      logger,
      workOf: async (integrationId) => {
        const row = await store.row(integrationId);
        return syncWork(sessions, row, capabilitiesOf(factory.definition(row.provider), row.config));
      },
    });
    const outcome = new SyncOutcome(store);
    const runJobs = new RunJobs({
      database,
      jobs,
      runs: syncs.runs,
      claims: syncs.claims,
      queue: syncs.queue,
      watch: syncs.watch,
      logger,
      workers: config.workers,
      carryOut: (held) => carryOut({ syncs, outcome, webhooks: () => webhookJobs, logger }, held),
    });
    const attendance = new AttendanceService({ database, leases, timeZoneOf });
    const orderSending: OrderSending = (...sessions) => attendanceJobs.order(...sessions);
    const mappingService = new MappingService(database, orderSending);
    const received = new ReceivedStore(database);
    const pushes = new PushIntake({ store, factory, syncs, mappings: mappingService, received });
    const integrationService = new IntegrationService({
      store,
      factory,
      sessions,
      files,
      vault,
      syncs,
      runJobs,
      mappings: mappingService,
      attendance,
      pushes,
      changesDays: config.retention.changes,
    });
    const attendanceJobs = new AttendanceJobs({
      database,
      jobs,
      logger,
      workers: config.workers,
      takesAttendance: ({ provider, config }) =>
        capabilitiesOf(factory.definition(provider), config).sendsAttendance,
      send: logSending(logger, (integrationId, sessionId) =>
        integrationService.sendAttendance(integrationId, sessionId),
      ),
      deliveries: attendance.deliveries,
    });
    const webhookJobs = new WebhookJobs({
      database,
      jobs,
      logger,
      workers: config.workers,
      received,
      startSync: async (integrationId, { entityType, externalIds }) =>
        (await integrationService.startSync(integrationId, entityType, { externalIds, trigger: 'WEBHOOK' }))
          .id,
      takeIn: (push) => pushes.takeLeft(push),
    });
    const webhookSecrets = new WebhookSecretStore(database, vault);
    const intake = new WebhookIntake({
      database,
      secrets: webhookSecrets,
      connectorOf: (provider, config) => {
        const definition = factory.definition(provider);
        return { definition, capabilities: capabilitiesOf(definition, config) };
      },
      mostIds: MOST_SINGLE,
      stored: (integrationId) => webhookJobs.gather(integrationId),
    });
    const keptAnswers = new KeptAnswers({ database, sealer: vault, logger });
    if (storage.embedded) {
      await leases.clear();
      await keptAnswers.clear();
    }
    await webhookJobs.start();
    await runJobs.start();
    await attendanceJobs.start();
    const retention = new Retention({
      database,
      jobs,
      logger,
      workers: config.workers,
      periods: config.retention,
      discard: (integrationId, runId, reason) => integrationService.discardSync(integrationId, runId, reason),
      sweepFiles: () => integrationService.sweepFiles(),
    });
    await retention.start();
    const scheduleRunner = new ScheduleRunner({ database, integrations: integrationService, logger });
    scheduleRunner.start();
    const subscriptions = new SubscriptionStore(database, vault);
    const sender = new EventSender({
      database,
      subscriptions,
      agents: outbound.freshAgents,
      logger,
      alone: storage.embedded,
    });
    const publisher =
      config.eventsNatsUrl &&
      new EventPublisher({ database, leases, url: config.eventsNatsUrl.reveal(), logger });
    if (config.workers > 0) {
      sender.start();
      publisher?.start();
    }
    const obstacles = async () => {
      const found = await Promise.all([
        database.isReachable().then((is) => (is ? undefined : 'The database does not answer.')),
        lackOfRoom('DATA_DIR', config.dataDir),
        lackOfRoom('CSV_ROOT', config.csvRoot),
      ]);
      return found.filter((sentence) => sentence !== undefined);
    };
    return {
      integrationService,
      mappingService,
      rosterService: new RosterService(database, orderSending),
      eventService: new EventService({
        database,
        subscriptions,
        agents: outbound.freshAgents,
        rules: { requireTls: config.production, guard: outbound.guard },
      }),
      connectorFactory: factory,
      credentialKeys,
      auditService: new AuditService(database),
      scheduleService: new ScheduleService(database, integrationService),
      webhookService: new WebhookService({ secrets: webhookSecrets, received, intake }),
      refusals: new Refusals(database),
      keptAnswers,
      database,
      jobs,
      retention,
      readings: {
        providers: () => factory.list().map(({ provider }) => provider),
        pool: () => database.pool,
        runs: () => readRunBacklog(database),
        deliveries: () => readOutboxBacklog(database),
        webhooks: () => readWebhookBacklog(database),
        integrations: () => readSyncAges(database),
      },
      obstacles,
      ready: async () => (await obstacles()).length === 0,
      async drain() {
        await scheduleRunner.stop();
        await retention.drain();
        await webhookJobs.drain();
        await attendanceJobs.drain();
        await runJobs.drain();
      },
      async close() {
        await scheduleRunner.stop();
        await retention.drain();
        await webhookJobs.drain();
        await attendanceJobs.drain();
        await runJobs.drain();
        await runJobs.stop();
        await Promise.all([jobs.stop(STOP_MS), sender.stop(), publisher?.stop()]);
        await leases.abandon();
        outbound.close();
        await storage.close();
      },
    };
  } catch (error) {
    await storage.close();
    throw error;
  }
}

interface CarryOutParts {
  syncs: SyncService;
  outcome: SyncOutcome;
  webhooks: () => WebhookJobs;
  logger: Logger;
}

/**
 * Does a run. What it learnt of the school's system is noted on the integration, unless nothing was to change, or it
 * was of single entities; and what sent it is noted with that.
 */
async function carryOut({ syncs, outcome, webhooks, logger }: CarryOutParts, held: HeldRun) {
  const { kind, integrationId, externalIds, approvedAt, trigger } = held.run;
  const isNoted = (kind === 'SYNC' && !externalIds) || approvedAt !== null;
  try {
    return isNoted ? await outcome.of(integrationId, () => syncs.carryOut(held)) : await syncs.carryOut(held);
  } finally {
    // Should that fail, it is done when it is looked for runs that are over.
    if (trigger === 'WEBHOOK')
      await webhooks()
        .settle(integrationId)
        .catch((error: unknown) => logger.warn({ err: error }, 'what became of webhooks was not noted yet'));
  }
}

async function openDatabase({ config, logger, begun, onFailure }: ServicesOptions) {
  if (config.databaseUrl) {
    const database = openServer(config.databaseUrl.reveal(), config.databasePoolSize, logger);
    return { database, embedded: false, close: () => database.close() };
  }
  const user = { logger, ...(onFailure && { onFailure }) };
  const embedded = await (begun?.use(user) ?? startEmbeddedPostgres({ dataDir: config.dataDir, ...user }));
  const database = new Database({ connection: embedded.connection, poolSize: 1, embedded: true, logger });
  return {
    database,
    embedded: true,
    async close() {
      await database.close();
      await embedded.stop();
    },
  };
}

/** Nothing is asked of the server yet; but the address may name files, such as certificates. */
function openServer(connection: string, poolSize: number, logger: Logger): Database {
  try {
    return new Database({ connection, poolSize, embedded: false, logger });
  } catch (error) {
    throw explainUnusable(error, connection);
  }
}
