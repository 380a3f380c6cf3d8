import { randomUUID } from 'node:crypto';
import {
  type EventDelivery,
  EventSender,
  type EventSenderOptions,
  emit,
  SubscriptionStore,
} from '../../src/events/index.js';
import { createLogger } from '../../src/observability/index.js';
import { createAddressGuard, createGuardedAgents } from '../../src/outbound/index.js';
import { CredentialVault } from '../../src/security/index.js';
import { newServices, type TestServices } from './services.js';
import { until } from './until.js';

let services: Promise<TestServices> | undefined;
const senders: EventSender[] = [];

/** Services that send no events by themselves, one for all tests of a process. */
export function silentServices(): Promise<TestServices> {
  services ??= newServices({ WORKERS: '0', CREDENTIAL_KEYS: KEYS });
  return services;
}

const KEY = Buffer.alloc(32, 7);
const KEYS = `k1:${KEY.toString('base64')}`;

/** Starts a sender, as one of several processes; it looks often, and hardly waits between attempts. */
export async function startSender(options: Partial<EventSenderOptions> = {}): Promise<EventSender> {
  const { database } = await silentServices();
  const sender = new EventSender({
    database,
    subscriptions: new SubscriptionStore(database, new CredentialVault([{ id: 'k1', key: KEY }])),
    agents: createGuardedAgents(createAddressGuard(['127.0.0.1']), { keepAlive: false }),
    logger: createLogger({ level: 'silent' }),
    alone: false,
    everyMs: 10,
    pause: () => 20,
    ...options,
  });
  senders.push(sender);
  sender.start();
  return sender;
}

export async function stopSenders(): Promise<void> {
  await Promise.all(senders.splice(0).map((sender) => sender.stop()));
}

/** An institution of its own, and events in it. */
export async function newInstitution() {
  const { database, eventService } = await silentServices();
  const institutionId = randomUUID();
  const integrationId = randomUUID();
  const deliveries = async (subscriptionId?: string): Promise<EventDelivery[]> =>
    (await eventService.listEventDeliveries(institutionId, { subscriptionId })).items.reverse();
  return {
    institutionId,
    integrationId,
    /** Something happens: an integration reports an error in these words. */
    happen: (error: string, of: string = integrationId) =>
      emit(database, {
        institutionId,
        integrationId: of,
        type: 'integration.error',
        data: { integrationId: of, provider: 'ACME', error },
      }),
    subscribe: (url: string, types: string[] = []) =>
      eventService.createSubscription(institutionId, { url, types }),
    /** What became of telling events, the oldest first. */
    deliveries,
    /** Waits until the deliveries stand so, the oldest first. */
    settled: (...statuses: EventDelivery['status'][]) =>
      until(async () => {
        const now = (await deliveries()).map(({ status }) => status);
        return now.join() === statuses.join();
      }),
  };
}
