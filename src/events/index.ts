export { type EventDraft, emit } from './emit.js';
export { EventPublisher, type EventPublisherOptions } from './event-publisher.js';
export { EventSender, type EventSenderOptions } from './event-sender.js';
export { EventService, type SubscriptionTest } from './event-service.js';
export type {
  EventDelivery,
  EventDeliveryStatus,
  ListEventDeliveriesRequest,
  ListEventsRequest,
} from './event-store.js';
export { EVENT_TYPES, type EventData, type EventType, type StoredEvent } from './event-types.js';
export { keyOf, makeSecret, signedBy } from './signature.js';
export type {
  Subscription,
  SubscriptionInput,
  SubscriptionUpdate,
  WithSecret,
} from './subscription.js';
export { SubscriptionStore } from './subscription-store.js';
