import type { ServiceImpl } from '@connectrpc/connect';
import type { IdukayPushService } from '../../gen/smartid/integrations/v1/idukay_push_service_pb.js';
import type { IntegrationService } from '../integrations/index.js';

/**
 * smartid.integrations.v1.IdukayPushService: the one service that needs no bearer token, but a secret of its
 * own.
 */
export function idukayPushRpc(parts: {
  integrationService: IntegrationService;
}): ServiceImpl<typeof IdukayPushService> {
  return {
    async pushStudent({ id, secret, student }) {
      return {
        status: 'success',
        data: { userId: await parts.integrationService.receivePush(id, secret, student) },
      };
    },
  };
}
