import { randomUUID } from 'node:crypto';
import type { Database } from '../database/index.js';
import { ServiceError } from '../errors.js';
import type { Agents } from '../outbound/index.js';
import type { Page, PageRequest } from '../paging.js';
import { ALL_TYPES, checkSubscription, type UrlRules } from './check-subscription.js';
import {
  type EventDelivery,
  EventStore,
  type ListEventDeliveriesRequest,
  type ListEventsRequest,
} from './event-store.js';
import { EVENT_TYPES, type EventType, type StoredEvent } from './event-types.js';
import { sendEvent } from './send-event.js';
import type { Subscription, SubscriptionInput, SubscriptionUpdate, WithSecret } from './subscription.js';
import type { SubscriptionStore } from './subscription-store.js';

export interface EventServiceOptions {
  database: Database;
  subscriptions: SubscriptionStore;
  agents: Agents;
  rules: UrlRules;
}

/** What a test of a subscription came to. */
export interface SubscriptionTest {
  success: boolean;
  /** A sentence. */
  message: string;
  httpStatus: number | null;
}

const TEST_TIMEOUT_MS = 10_000;
/** How long the secret before signs as well, in seconds, unless it is said. */
const DEFAULT_OVERLAP = 24 * 3_600;

/** Subscriptions to an institution's events, and the events themselves. */
export class EventService {
  readonly #events: EventStore;

  constructor(private readonly options: EventServiceOptions) {
    this.#events = new EventStore(options.database);
  }

  /**
   * Subscribes a receiver to the events of an institution from now on. The secret is shown this once. Throws
   * `invalid_argument` that names every wrong field.
   */
  async createSubscription(institutionId: string, input: SubscriptionInput): Promise<WithSecret> {
    const { subscriptions, rules } = this.options;
    checkSubscription(input, rules);
    return subscriptions.create(institutionId, {
      url: input.url,
      types: typesOf(input.types ?? []),
      description: input.description ?? '',
    });
  }

  /** Throws `not_found`. */
  async getSubscription(institutionId: string, id: string): Promise<Subscription> {
    return this.options.subscriptions.get(institutionId, id);
  }

  async listSubscriptions(institutionId: string, request: PageRequest = {}): Promise<Page<Subscription>> {
    return this.options.subscriptions.list(institutionId, request);
  }

  /** Changes what is given and nothing else. */
  async updateSubscription(
    institutionId: string,
    id: string,
    update: SubscriptionUpdate,
  ): Promise<Subscription> {
    const { subscriptions, rules } = this.options;
    checkSubscription(update, rules);
    return subscriptions.update(institutionId, id, {
      ...update,
      types: update.types && typesOf(update.types),
    });
  }

  /** What was to be told by it is told no more. */
  async deleteSubscription(institutionId: string, id: string): Promise<void> {
    await this.options.subscriptions.delete(institutionId, id);
  }

  /** A new secret, shown this once; for `overlapSeconds` the one before signs as well. Default: a day. */
  async rotateSubscriptionSecret(
    institutionId: string,
    id: string,
    overlapSeconds = DEFAULT_OVERLAP,
  ): Promise<WithSecret> {
    return this.options.subscriptions.rotate(institutionId, id, overlapSeconds);
  }

  /** Sends an event `subscription.test` at once, and tells what it was answered. Nothing is kept of it. */
  async testSubscription(institutionId: string, id: string): Promise<SubscriptionTest> {
    const { subscriptions, agents } = this.options;
    const { url } = await subscriptions.get(institutionId, id);
    const secrets = await subscriptions.secrets(institutionId, id);
    const eventId = randomUUID();
    const body = JSON.stringify({
      specversion: '1.0',
      id: eventId,
      type: 'subscription.test',
      source: `/institutions/${institutionId}`,
      subject: `subscriptions/${id}`,
      time: new Date().toISOString(),
      datacontenttype: 'application/json',
      data: { subscriptionId: id },
    });
    const outcome = await sendEvent(
      { url, id: eventId, body, secrets },
      { agents, timeoutMs: TEST_TIMEOUT_MS, signal: new AbortController().signal },
    );
    const httpStatus = 'httpStatus' in outcome ? (outcome.httpStatus ?? null) : null;
    if (outcome.kind === 'delivered')
      return { success: true, message: `The receiver answered ${outcome.httpStatus}.`, httpStatus };
    const reason = 'reason' in outcome ? outcome.reason : 'the service ends';
    return { success: false, message: `The receiver did not take it: ${reason}.`, httpStatus };
  }

  /** Events of an institution, the newest first. Throws `invalid_argument` for types that there are not. */
  async listEvents(institutionId: string, request: ListEventsRequest = {}): Promise<Page<StoredEvent>> {
    checkSubscription({ types: request.types }, this.options.rules);
    return this.#events.list(institutionId, { ...request, types: typesOf(request.types ?? []) });
  }

  /** Throws `not_found`. */
  async getEvent(institutionId: string, id: string): Promise<StoredEvent> {
    return this.#events.get(institutionId, id);
  }

  /** What became of telling events, the newest first. */
  async listEventDeliveries(
    institutionId: string,
    request: ListEventDeliveriesRequest = {},
  ): Promise<Page<EventDelivery>> {
    return this.#events.listDeliveries(institutionId, request);
  }

  /**
   * Tells an event again, with the same id: to one subscription, or to all that want events of its type or
   * were told. Returns to how many. Throws `not_found`, `failed_precondition` when the subscription is
   * disabled.
   */
  async replayEvent(institutionId: string, id: string, subscriptionId?: string): Promise<number> {
    const subscription = subscriptionId
      ? await this.options.subscriptions.get(institutionId, subscriptionId)
      : undefined;
    if (subscription?.disabledAt) {
      throw new ServiceError(
        'failed_precondition',
        'The subscription is disabled. Enable it first (UpdateSubscription).',
        { reason: 'SUBSCRIPTION_DISABLED' },
      );
    }
    return this.#events.replay(institutionId, id, subscriptionId);
  }
}

/** In the order in which they are documented, each once; none for all. */
function typesOf(types: readonly string[]): EventType[] {
  return types.includes(ALL_TYPES) ? [] : EVENT_TYPES.filter((type) => types.includes(type));
}
