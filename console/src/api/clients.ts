import { AuditService } from '@gen/smartid/integrations/v1/audit_service_pb.js';
import { EventService } from '@gen/smartid/integrations/v1/event_service_pb.js';
import { IntegrationService } from '@gen/smartid/integrations/v1/integration_service_pb.js';
import { ScheduleService } from '@gen/smartid/integrations/v1/schedule_service_pb.js';
import { RosterService } from '@gen/smartid/roster/v1/roster_service_pb.js';

/** The services, as connect-query takes their methods. */
export const integrationsApi = IntegrationService.method;
export const schedulesApi = ScheduleService.method;
export const rosterApi = RosterService.method;
export const auditApi = AuditService.method;
export const eventsApi = EventService.method;
export { IntegrationService };
