import type { Database } from '../database/index.js';
import { ANONYMOUS, currentCaller, SERVICE } from './caller.js';

/** What an event is about. */
export type ObjectType =
  | 'INTEGRATION'
  | 'SYNC_RUN'
  | 'CONFLICT'
  | 'COURSE'
  | 'GROUP'
  | 'STUDENT'
  | 'TEACHER'
  | 'MEMBERSHIP'
  | 'CLASS_SESSION'
  | 'SUBSCRIPTION'
  | 'WEBHOOK_SECRET'
  | 'EVENT'
  | 'KEY'
  | 'SCHEDULE'
  | 'CALL';

/** What was done, by whoever makes the call under way. */
export interface AuditEntry {
  institutionId: string;
  /** What was done, as `object.verb` in the past: `integration.updated`. */
  action: string;
  objectType: ObjectType;
  objectId: string;
  integrationId?: string | undefined;
  runId?: string | undefined;
  /** The place in the change log of what was changed, where it is there. */
  changePosition?: string | undefined;
  /** What it was before and is now: the fields that changed. Never a secret. */
  before?: object | null | undefined;
  after?: object | null | undefined;
  /** `OK`, or the code of the error that the call was refused with. */
  outcome?: string | undefined;
  detail?: string | undefined;
}

/** Of what belongs to no institution, such as a call without a token. */
export const NO_INSTITUTION = '00000000-0000-0000-0000-000000000000';

/**
 * Writes an event in the transaction under way, as its last statement: it exists exactly when the change was
 * committed.
 */
export async function recordEvent(database: Database, entry: AuditEntry): Promise<void> {
  const caller = currentCaller();
  const { actor = caller ? ANONYMOUS : SERVICE, address, requestId, method } = caller ?? {};
  await database.beforeCommit(async () => {
    await database.execute(
      `INSERT INTO audit_events (institution_id, actor, address, request_id, method, action, object_type,
         object_id, integration_id, run_id, change_position, before, after, outcome, detail)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`,
      [
        entry.institutionId,
        actor,
        address ?? null,
        requestId ?? null,
        method ?? null,
        entry.action,
        entry.objectType,
        entry.objectId,
        entry.integrationId ?? null,
        entry.runId ?? null,
        entry.changePosition ?? null,
        entry.before ?? null,
        entry.after ?? null,
        entry.outcome ?? 'OK',
        entry.detail ?? null,
      ],
    );
  });
}

/** Of two states of something, the fields that differ: what they were, and what they are. */
export function differenceOf<T extends object>(before: T, after: T): { before: object; after: object } {
  const names = (Object.keys({ ...before, ...after }) as (keyof T)[]).filter(
    (name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]),
  );
  const pick = (from: T) => Object.fromEntries(names.map((name) => [name, from[name] ?? null]));
  return { before: pick(before), after: pick(after) };
}
