import { initial } from './0001-initial.js';
import { outbox } from './0002-outbox.js';
import { rosterEdits } from './0003-roster-edits.js';
import { trust } from './0004-trust.js';
import { issueRows } from './0005-issue-rows.js';
import { forgottenDigests } from './0006-forgotten-digests.js';
import { keptOutRows } from './0007-kept-out-rows.js';
import { leases } from './0009-leases.js';
import { guardBaseline } from './0010-guard-baseline.js';
import { changeLog } from './0011-change-log.js';
import { outboxAttempts } from './0012-outbox-attempts.js';
import { editedDigests } from './0013-edited-digests.js';
import { lastingConflicts } from './0015-lasting-conflicts.js';
import { dailyChanges } from './0016-daily-changes.js';
import { listsOverAll } from './0017-lists-over-all.js';
import { runJobs } from './0018-run-jobs.js';
import { connectorMemory } from './0020-connector-memory.js';
import { events } from './0021-events.js';
import { announcedDeliveries } from './0022-announced-deliveries.js';
import { memoryExpiry } from './0023-memory-expiry.js';
import { audit } from './0024-audit.js';
import { schedules } from './0025-schedules.js';
import { byItself } from './0026-by-itself.js';
import { webhooks } from './0028-webhooks.js';
import { idempotencyKeys } from './0029-idempotency-keys.js';
import { eventTurns } from './0030-event-turns.js';
import { hadByOthers } from './0034-had-by-others.js';
import { formerDecisions } from './0035-former-decisions.js';
import { withheldMarks } from './0036-withheld-marks.js';
import type { Migration } from './migration.js';

export { createIndex, type Migration, type NewIndex } from './migration.js';

/** Every migration there is, oldest first. They only go forward; a released one is never edited. */
export const migrations: readonly Migration[] = [
  initial,
  outbox,
  rosterEdits,
  trust,
  issueRows,
  forgottenDigests,
  keptOutRows,
  leases,
  guardBaseline,
  changeLog,
  outboxAttempts,
  editedDigests,
  lastingConflicts,
  dailyChanges,
  listsOverAll,
  runJobs,
  connectorMemory,
  events,
  announcedDeliveries,
  memoryExpiry,
  audit,
  schedules,
  byItself,
  webhooks,
  idempotencyKeys,
  eventTurns,
  hadByOthers,
  formerDecisions,
  withheldMarks,
];
