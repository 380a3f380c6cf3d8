/** How a run ended, or that it is held. */
export interface SyncEnded {
  integrationId: string;
  runId: string;
  /** The run of all entity types that this one is part of. */
  parentId: string | null;
  entityType: string;
  kind: string;
  /** 1, and one more for each process that died on it. */
  attempt: number;
  counts: object;
  membershipCounts: object;
  /** Why it failed, or is held, in a sentence. */
  error: string | null;
  startedAt: string;
  finishedAt: string;
}

/** People of whom a person must say who they are: those that one plan met for the first time. */
export interface ConflictsCreated {
  integrationId: string;
  runId: string;
  entityType: string;
  count: number;
  /** The first hundred. */
  conflicts: { id: string; externalId: string }[];
}

/** What the school took of a class session. */
export interface AttendanceDelivered {
  integrationId: string;
  sessionId: string;
  /** Marks taken, those seen there afterwards included. */
  sent: number;
  confirmed: number;
}

/** Marks of a class session that the school did not take, or that were not sent. */
export interface AttendanceFailed {
  integrationId: string;
  sessionId: string;
  failed: number;
  /** The first hundred. */
  failures: { studentId: string; reason: string | null }[];
  /** Marks that were not sent: without an id of the student, or with one in doubt; absent where there are none. */
  withheld?: number;
  /** The first hundred of them. */
  withheldMarks?: { studentId: string; reason: string }[];
  /** Why the last attempt failed, where it is tried no more; absent while a call may do that. */
  givenUp?: string;
}

/** The feed of roster changes has grown. */
export interface RosterChanged {
  /** null: a backend edited the roster. */
  integrationId: string | null;
  /** null: no run did it. */
  runId: string | null;
  /** What was changed, or what the run is of. */
  entityType: string;
  /** Its place in the feed. A decimal integer. */
  position: string;
}

/** An integration that worked has an error. */
export interface IntegrationFailed {
  integrationId: string;
  provider: string;
  error: string;
}

/** What the events of each type say. */
export interface EventData {
  'sync.completed': SyncEnded;
  'sync.held': SyncEnded;
  'sync.failed': SyncEnded;
  'conflict.created': ConflictsCreated;
  'attendance.delivered': AttendanceDelivered;
  'attendance.failed': AttendanceFailed;
  'roster.changed': RosterChanged;
  'integration.error': IntegrationFailed;
}

export type EventType = keyof EventData;

/** Every type there is. */
export const EVENT_TYPES = [
  'sync.completed',
  'sync.held',
  'sync.failed',
  'conflict.created',
  'attendance.delivered',
  'attendance.failed',
  'roster.changed',
  'integration.error',
] as const satisfies readonly EventType[];

/** One thing that happened, as it is kept. */
export interface StoredEvent {
  id: string;
  institutionId: string;
  /** The integration; the institution itself for what none of its integrations did. */
  streamId: string;
  /** Its place among the events of its stream, in the order of commits. A decimal integer. */
  position: string;
  type: EventType;
  /** What it is about, below its source: `runs/<id>`. */
  subject: string | null;
  data: EventData[EventType];
  occurredAt: Date;
}
