import type { ConnectRouter } from '@connectrpc/connect';
import { AuditService } from '../../gen/smartid/integrations/v1/audit_service_pb.js';
import { IdukayPushService } from '../../gen/smartid/integrations/v1/idukay_push_service_pb.js';
import { IntegrationService } from '../../gen/smartid/integrations/v1/integration_service_pb.js';
import { RosterService } from '../../gen/smartid/roster/v1/roster_service_pb.js';
import { auditRpc } from './audit-rpc.js';
import { idukayPushRpc } from './idukay-push-rpc.js';
import { integrationRpc } from './integration-rpc.js';
import { rosterRpc } from './roster-rpc.js';
import type { RpcParts } from './rpc-types.js';

export { admission, createInterceptors, errorMapper, type InterceptorOptions } from './interceptors/index.js';

/** The services of the product. */
export const services = [IntegrationService, RosterService, AuditService, IdukayPushService] as const;

/** Those that a caller needs no bearer token for. */
export const openServices = [IdukayPushService.typeName];

/** Hangs the services of the product into a router. */
export function routes(parts: RpcParts): (router: ConnectRouter) => void {
  return (router) => {
    router.service(IntegrationService, integrationRpc(parts));
    router.service(RosterService, rosterRpc(parts));
    router.service(AuditService, auditRpc(parts));
    router.service(IdukayPushService, idukayPushRpc(parts));
  };
}
