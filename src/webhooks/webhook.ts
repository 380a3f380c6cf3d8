import type { MappingEntityType } from '../connectors/index.js';

/**
 * WAITING: no run has begun for it, or for a part of it. STARTED: it has a part in runs that are not over. DONE: they are; what they came
 * to is told by them. FAILED: they failed, each time that it was tried again. IGNORED: it is of no concern here.
 * REFUSED: it cannot be used.
 */
export type ReceivedStatus = 'WAITING' | 'STARTED' | 'DONE' | 'FAILED' | 'IGNORED' | 'REFUSED';

/** WEBHOOK: signed, and answered once it is stored. PUSH: by a secret address, answered once it is taken in. */
export type ReceivedKind = 'WEBHOOK' | 'PUSH';

/** What changed, as it is stored. */
export interface StoredChange {
  entityType: MappingEntityType | 'ALL';
  /** None: any of the entity type. */
  externalIds?: string[];
}

/** What a school's system sent to us, and what became of it. */
export interface ReceivedWebhook {
  integrationId: string;
  /** By which the sender tells it from others; of a push, made here. */
  webhookId: string;
  kind: ReceivedKind;
  changes: StoredChange[];
  status: ReceivedStatus;
  /** Why it waits, failed, or cannot be used, in a sentence; null where there is nothing to say. */
  reason: string | null;
  /** The runs that it started or has a part in. */
  runIds: string[];
  /** Attempts that failed. */
  attempts: number;
  /** When it was sent, as the sender says; null of a push. */
  sentAt: Date | null;
  receivedAt: Date;
}

/** A secret that webhooks are signed with, without the secret itself. */
export interface WebhookSecret {
  integrationId: string;
  id: string;
  createdAt: Date;
  /** Until when it is good; null: until it is deleted or rotated. */
  expiresAt: Date | null;
}
