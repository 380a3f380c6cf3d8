import type { ConnectorFactory } from './connectors/index.js';
import type { EventService } from './events/index.js';
import type { CredentialKeys, IntegrationService } from './integrations/index.js';
import { type IntegrationsOptions, libraryConfig } from './library-options.js';
import type { MappingService } from './mappings/index.js';
import { createLogger } from './observability/index.js';
import type { RosterService } from './roster/index.js';
import { buildServices } from './services.js';
import type { WebhookService } from './webhooks/index.js';

export { ConfigError } from './config.js';
export { ConnectorFactory } from './connectors/index.js';
export * from './connectors/public.js';
export { ServiceError } from './errors.js';
export {
  EVENT_TYPES,
  type EventData,
  type EventDelivery,
  type EventDeliveryStatus,
  EventService,
  type EventType,
  type StoredEvent,
  type Subscription,
  type SubscriptionInput,
  type SubscriptionTest,
  type SubscriptionUpdate,
  type WithSecret,
} from './events/index.js';
export {
  type CreateIntegrationInput,
  type CredentialKeys,
  type Delivery,
  type DeliveryStatus,
  type Integration,
  type IntegrationFilter,
  IntegrationService,
  type IntegrationStatus,
  type KeyRotation,
  type KeyUse,
  type SendReport,
  type SyncLogs,
  type UpdateIntegrationInput,
} from './integrations/index.js';
export type { IntegrationsOptions } from './library-options.js';
export { type IntegrationMapping, type MappingHistoryEntry, MappingService } from './mappings/index.js';
export type { Logger } from './observability/index.js';
export * from './roster/index.js';
export type {
  ConflictResolution,
  GuardOverride,
  IssueExport,
  RunFilter,
  RunState,
  SyncChange,
  SyncChangeAction,
  SyncConflict,
  SyncCounts,
  SyncIssue,
  SyncPolicy,
  SyncReport,
  SyncRun,
  SyncRunKind,
  SyncRunStatus,
} from './sync/index.js';
export {
  type NewWebhookSecret,
  type ReceivedFilter,
  type ReceivedKind,
  type ReceivedStatus,
  type ReceivedWebhook,
  type WebhookHeaders,
  type WebhookReceipt,
  type WebhookSecret,
  WebhookService,
} from './webhooks/index.js';

/** The product's services in this process. */
export interface Integrations {
  readonly integrationService: IntegrationService;
  readonly mappingService: MappingService;
  readonly rosterService: RosterService;
  /** What happened, and who is told of it. */
  readonly eventService: EventService;
  /** What schools' systems send. */
  readonly webhookService: WebhookService;
  /** The connectors there are, those of `options.connectors` included. */
  readonly connectorFactory: ConnectorFactory;
  /** The keys that seal stored credentials. */
  readonly credentialKeys: CredentialKeys;
  /** Tells whether the database answers. */
  ready(): Promise<boolean>;
  /** Ends what is under way and closes the database. Call it once, at the end. */
  close(): Promise<void>;
}

/**
 * Starts the product's services in this process, without a port: opens the database, migrates it, and takes
 * up syncs of processes that died. Reads no environment variable. Throws ConfigError when an option cannot
 * be, DataDirLockedError when another process works on the same embedded database.
 */
export async function createIntegrations(options: IntegrationsOptions = {}): Promise<Integrations> {
  const config = libraryConfig(options);
  const { connectors, logger = createLogger({ level: config.logLevel }), onFailure } = options;
  const parts = await buildServices({
    config,
    logger,
    ...(connectors && { connectors }),
    ...(onFailure && { onFailure }),
  });
  // The database stays inside: its tables are no contract.
  const {
    integrationService,
    mappingService,
    rosterService,
    eventService,
    webhookService,
    connectorFactory,
    credentialKeys,
    ready,
    close,
  } = parts;
  return {
    integrationService,
    mappingService,
    rosterService,
    eventService,
    webhookService,
    connectorFactory,
    credentialKeys,
    ready,
    close,
  };
}
