import { AuditService } from '../gen/smartid/integrations/v1/audit_service_pb.js';
import { EventService } from '../gen/smartid/integrations/v1/event_service_pb.js';
import { IdukayPushService } from '../gen/smartid/integrations/v1/idukay_push_service_pb.js';
import { IntegrationService } from '../gen/smartid/integrations/v1/integration_service_pb.js';
import { ScheduleService } from '../gen/smartid/integrations/v1/schedule_service_pb.js';
import { WebhookReceiverService } from '../gen/smartid/integrations/v1/webhook_receiver_service_pb.js';
import { WebhookService } from '../gen/smartid/integrations/v1/webhook_service_pb.js';
import { RosterService } from '../gen/smartid/roster/v1/roster_service_pb.js';

/** The services whose methods a client has. No two methods have the same name. */
export const services = [
  IntegrationService,
  ScheduleService,
  RosterService,
  EventService,
  AuditService,
  WebhookService,
  WebhookReceiverService,
  IdukayPushService,
] as const;

export type Service = (typeof services)[number];
