import type { ServiceImpl } from '@connectrpc/connect';
import type { IntegrationService } from '../../gen/smartid/integrations/v1/integration_service_pb.js';
import type { RosterService } from '../../gen/smartid/roster/v1/roster_service_pb.js';
import type { AuditService } from '../audit/index.js';
import type { ConnectorFactory } from '../connectors/index.js';
import type { CredentialKeys, IntegrationService as Integrations } from '../integrations/index.js';
import type { MappingService } from '../mappings/index.js';
import type { RosterService as Roster } from '../roster/index.js';

/** The methods of smartid.integrations.v1.IntegrationService. */
export type IntegrationRpcs = ServiceImpl<typeof IntegrationService>;
/** The methods of smartid.roster.v1.RosterService. */
export type RosterRpcs = ServiceImpl<typeof RosterService>;

/** What the methods are done by. */
export interface RpcParts {
  integrationService: Integrations;
  mappingService: MappingService;
  connectorFactory: ConnectorFactory;
  credentialKeys: CredentialKeys;
  rosterService: Roster;
  auditService: AuditService;
}
