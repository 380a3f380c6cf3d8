import { EventDelivery_Status } from '../../gen/smartid/integrations/v1/event_pb.js';
import type { EventDeliveryStatus } from '../events/index.js';
import { toEventDeliveryMessage, toEventMessage, toSubscriptionMessage } from './convert/event-messages.js';
import { enumName, optional } from './convert/to-message.js';
import type { EventRpcs, RpcParts } from './rpc-types.js';

/** smartid.integrations.v1.EventService on the event service. */
export function eventRpc({ eventService }: Pick<RpcParts, 'eventService'>): EventRpcs {
  return {
    async createSubscription({ institutionId, url, types, description }, context) {
      const { subscription, secret } = await eventService.createSubscription(institutionId, {
        url,
        types,
        description,
      });
      const path = `/institutions/${subscription.institutionId}/subscriptions/${subscription.id}`;
      context.responseHeader.set('Location', path);
      return { subscription: toSubscriptionMessage(subscription), secret };
    },

    async getSubscription({ institutionId, id }) {
      return { subscription: toSubscriptionMessage(await eventService.getSubscription(institutionId, id)) };
    },

    async listSubscriptions({ institutionId, pageSize, pageToken }) {
      const page = await eventService.listSubscriptions(institutionId, { pageSize, pageToken });
      return { subscriptions: page.items.map(toSubscriptionMessage), nextPageToken: page.nextPageToken };
    },

    async updateSubscription({ institutionId, id, url, types, description, enabled }) {
      const subscription = await eventService.updateSubscription(institutionId, id, {
        url,
        types: types.length > 0 ? types : undefined,
        description,
        enabled,
      });
      return { subscription: toSubscriptionMessage(subscription) };
    },

    async deleteSubscription({ institutionId, id }) {
      await eventService.deleteSubscription(institutionId, id);
      return {};
    },

    async testSubscription({ institutionId, id }) {
      const { httpStatus, ...test } = await eventService.testSubscription(institutionId, id);
      return { ...test, httpStatus: optional(httpStatus) };
    },

    async rotateSubscriptionSecret({ institutionId, id, overlapSeconds }) {
      const { subscription, secret } = await eventService.rotateSubscriptionSecret(
        institutionId,
        id,
        overlapSeconds,
      );
      return { subscription: toSubscriptionMessage(subscription), secret };
    },

    async listEvents({ institutionId, types, integrationId, pageSize, pageToken }) {
      const page = await eventService.listEvents(institutionId, {
        types,
        integrationId: integrationId || undefined,
        pageSize,
        pageToken,
      });
      return { events: page.items.map(toEventMessage), nextPageToken: page.nextPageToken };
    },

    async getEvent({ institutionId, id }) {
      return { event: toEventMessage(await eventService.getEvent(institutionId, id)) };
    },

    async listEventDeliveries({ institutionId, eventId, subscriptionId, status, pageSize, pageToken }) {
      const page = await eventService.listEventDeliveries(institutionId, {
        eventId: eventId || undefined,
        subscriptionId: subscriptionId || undefined,
        status: enumName(EventDelivery_Status, status) as EventDeliveryStatus | undefined,
        pageSize,
        pageToken,
      });
      return { deliveries: page.items.map(toEventDeliveryMessage), nextPageToken: page.nextPageToken };
    },

    async replayEvent({ institutionId, id, subscriptionId }) {
      return {
        subscriptions: await eventService.replayEvent(institutionId, id, subscriptionId || undefined),
      };
    },
  };
}
