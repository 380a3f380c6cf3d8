import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  EventDelivery_Status,
  type EventDeliverySchema,
  type EventSchema,
  type SubscriptionSchema,
} from '../../../gen/smartid/integrations/v1/event_pb.js';
import type { EventDelivery, StoredEvent, Subscription } from '../../events/index.js';
import { enumValue, json, optional, timestamp } from './to-message.js';

export function toEventMessage(event: StoredEvent): MessageInitShape<typeof EventSchema> {
  const { id, institutionId, streamId, type, subject, data, occurredAt, position } = event;
  return {
    id,
    institutionId,
    integrationId: streamId === institutionId ? '' : streamId,
    type,
    subject: optional(subject),
    data: json(data),
    time: timestamp(occurredAt),
    position,
  };
}

export function toEventDeliveryMessage(
  delivery: EventDelivery,
): MessageInitShape<typeof EventDeliverySchema> {
  return {
    eventId: delivery.eventId,
    eventType: delivery.eventType,
    subscriptionId: delivery.subscriptionId,
    status: enumValue(EventDelivery_Status, delivery.status),
    attempts: delivery.attempts,
    dueAt: timestamp(delivery.dueAt),
    httpStatus: optional(delivery.httpStatus),
    lastReason: optional(delivery.lastReason),
    createdAt: timestamp(delivery.createdAt),
    updatedAt: timestamp(delivery.updatedAt),
  };
}

export function toSubscriptionMessage(
  subscription: Subscription,
): MessageInitShape<typeof SubscriptionSchema> {
  return {
    id: subscription.id,
    institutionId: subscription.institutionId,
    url: subscription.url,
    types: subscription.types,
    description: subscription.description,
    enabled: subscription.disabledAt === null,
    disabledReason: optional(subscription.disabledReason),
    disabledAt: timestamp(subscription.disabledAt),
    failingSince: timestamp(subscription.failingSince),
    oldSecretUntil: timestamp(subscription.oldSecretUntil),
    createdAt: timestamp(subscription.createdAt),
    updatedAt: timestamp(subscription.updatedAt),
  };
}
