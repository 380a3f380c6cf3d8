import { Delivery_Status } from '../../gen/smartid/integrations/v1/delivery_pb.js';
import type { DeliveryStatus } from '../integrations/index.js';
import { toDeliveryMessage } from './convert/integration-messages.js';
import { enumName } from './convert/to-message.js';
import type { IntegrationRpcs, RpcParts } from './rpc-types.js';

/** Attendance on its way to the school system. */
export function deliveries({ integrationService }: Pick<RpcParts, 'integrationService'>) {
  return {
    async sendAttendance({ id, sessionId, resend }) {
      const report = await integrationService.sendAttendance(id, sessionId, { resend });
      return { ...report, withheld: report.withheld?.length ?? 0 };
    },

    async listDeliveries({ id, sessionId, status, pageSize, pageToken }) {
      const name = enumName(Delivery_Status, status) as DeliveryStatus | undefined;
      const page = await integrationService.listDeliveries(id, {
        sessionId: sessionId || undefined,
        status: name,
        pageSize,
        pageToken,
      });
      return { deliveries: page.items.map(toDeliveryMessage), nextPageToken: page.nextPageToken };
    },
  } satisfies Partial<IntegrationRpcs>;
}
