import type { ConnectRouter } from '@connectrpc/connect';
import { AuditService } from '../../gen/smartid/integrations/v1/audit_service_pb.js';
import { EventService } from '../../gen/smartid/integrations/v1/event_service_pb.js';
import { IdukayPushService } from '../../gen/smartid/integrations/v1/idukay_push_service_pb.js';
import { IntegrationService } from '../../gen/smartid/integrations/v1/integration_service_pb.js';
import { ScheduleService } from '../../gen/smartid/integrations/v1/schedule_service_pb.js';
import { WebhookReceiverService } from '../../gen/smartid/integrations/v1/webhook_receiver_service_pb.js';
import { WebhookService } from '../../gen/smartid/integrations/v1/webhook_service_pb.js';
import { RosterService } from '../../gen/smartid/roster/v1/roster_service_pb.js';
import { auditRpc } from './audit-rpc.js';
import { eventRpc } from './event-rpc.js';
import { answeredOnce } from './idempotency/index.js';
import { idukayPushRpc } from './idukay-push-rpc.js';
import { integrationRpc } from './integration-rpc.js';
import { rosterRpc } from './roster-rpc.js';
import type { RpcParts } from './rpc-types.js';
import { scheduleRpc } from './schedule-rpc.js';
import { webhookReceiverRpc, webhookRpc } from './webhook-rpc.js';

export {
  admission,
  compileRules,
  createInterceptors,
  errorMapper,
  type InterceptorOptions,
} from './interceptors/index.js';

/** The services of the product. */
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

/** Those that a caller needs no bearer token for. */
export const openServices = [IdukayPushService.typeName, WebhookReceiverService.typeName];

/** Hangs the services of the product into a router. */
export function routes(parts: RpcParts): (router: ConnectRouter) => void {
  return (router) => {
    const { keptAnswers } = parts;
    router.service(IntegrationService, answeredOnce(IntegrationService, integrationRpc(parts), keptAnswers));
    router.service(RosterService, answeredOnce(RosterService, rosterRpc(parts), keptAnswers));
    router.service(EventService, answeredOnce(EventService, eventRpc(parts), keptAnswers));
    router.service(ScheduleService, answeredOnce(ScheduleService, scheduleRpc(parts), keptAnswers));
    router.service(WebhookService, answeredOnce(WebhookService, webhookRpc(parts), keptAnswers));
    // This one changes nothing, and what the others receive has an id of its own.
    router.service(AuditService, auditRpc(parts));
    router.service(WebhookReceiverService, webhookReceiverRpc(parts));
    router.service(IdukayPushService, idukayPushRpc(parts));
  };
}
