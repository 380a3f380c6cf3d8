import type { EventType } from './event-types.js';

/** Who is told of an institution's events, as callers see it: no secret is in it. */
export interface Subscription {
  id: string;
  institutionId: string;
  url: string;
  /** Which events; none: all. */
  types: EventType[];
  description: string;
  /** When it was disabled; null: it is told. */
  disabledAt: Date | null;
  disabledReason: string | null;
  /** Since when no attempt has succeeded; null: the last one did, or there was none. */
  failingSince: Date | null;
  /** Until when the secret before signs as well; null: there is none. */
  oldSecretUntil: Date | null;
  createdAt: Date;
  updatedAt: Date;
}

export interface SubscriptionInput {
  url: string;
  types?: readonly string[] | undefined;
  description?: string | undefined;
}

export interface SubscriptionUpdate {
  url?: string | undefined;
  types?: readonly string[] | undefined;
  description?: string | undefined;
  /** true: it is told again, from what waited on; false: it is told nothing until then. */
  enabled?: boolean | undefined;
}

/** A subscription with what it is signed with: shown once. */
export interface WithSecret {
  subscription: Subscription;
  secret: string;
}
