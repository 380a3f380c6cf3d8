import type { ServiceImpl } from '@connectrpc/connect';
import type { EventService } from '../../gen/smartid/integrations/v1/event_service_pb.js';
import type { IntegrationService } from '../../gen/smartid/integrations/v1/integration_service_pb.js';
import type { RosterService } from '../../gen/smartid/roster/v1/roster_service_pb.js';
import type { AuditService } from '../audit/index.js';
import type { ConnectorFactory } from '../connectors/index.js';
import type { EventService as Events } from '../events/index.js';
import type { KeptAnswers } from '../idempotency/index.js';
import type { CredentialKeys, IntegrationService as Integrations } from '../integrations/index.js';
import type { MappingService } from '../mappings/index.js';
import type { RosterService as Roster } from '../roster/index.js';
import type { ScheduleService } from '../schedules/index.js';
import type { WebhookService } from '../webhooks/index.js';

/** The methods of smartid.integrations.v1.IntegrationService. */
export type IntegrationRpcs = ServiceImpl<typeof IntegrationService>;
/** The methods of smartid.roster.v1.RosterService. */
export type RosterRpcs = ServiceImpl<typeof RosterService>;

/** The methods of smartid.integrations.v1.EventService. */
export type EventRpcs = ServiceImpl<typeof EventService>;

/** What the methods are done by. */
export interface RpcParts {
  integrationService: Integrations;
  mappingService: MappingService;
  connectorFactory: ConnectorFactory;
  credentialKeys: CredentialKeys;
  rosterService: Roster;
  eventService: Events;
  auditService: AuditService;
  scheduleService: ScheduleService;
  webhookService: WebhookService;
  /** Answers what is repeated with the same key. */
  keptAnswers: KeptAnswers;
}
