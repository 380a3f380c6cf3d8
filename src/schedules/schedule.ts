import type { SyncRun, SyncScope } from '../sync/index.js';

/** A time in which nothing starts: whole days, or from one moment to another. */
export interface Blackout {
  /** What it is: `Fiestas Patrias`. */
  name: string;
  /** The first day, `2026-09-18`, in the schedule's zone; or a moment, as RFC 3339. */
  from: string;
  /** The last day; or the moment it ends. The same form as `from`. */
  to: string;
}

/** When something starts. */
export interface Timing {
  /** Five fields: minute, hour, day of the month, month, day of the week. */
  cron: string;
  /** A zone of the IANA database: `America/Santiago`. */
  timeZone: string;
  blackouts: readonly Blackout[];
  pausedUntil: Date | null;
}

export type ScheduleKind = 'SYNC' | 'PREVIEW';

export interface ScheduleKey {
  integrationId: string;
  entityType: SyncScope;
  kind: ScheduleKind;
}

/** A schedule as it is set. */
export interface ScheduleSettings extends Timing {
  /** It starts so many seconds after its time at most, by chance, so that not all schools start at once. */
  jitterSeconds: number;
}

/** A schedule as it is shown. */
export interface Schedule extends ScheduleKey, ScheduleSettings {
  /** The next five times, without the jitter; fewer where there are fewer within ten years. */
  nextTimes: Date[];
  /** The five latest runs that it started, the newest first. */
  lastRuns: Pick<SyncRun, 'id' | 'status' | 'error' | 'startedAt' | 'finishedAt'>[];
  /** How many syncs of the same failed one after the other, whoever started them. */
  failuresInRow: number;
  /** After three failures in a row: nothing starts before. */
  backsOffUntil: Date | null;
  /** The last time that it was due and started nothing, and why. */
  skippedAt: Date | null;
  skippedBecause: string | null;
  createdAt: Date;
  updatedAt: Date;
}

const DAY = /^\d{4}-\d\d-\d\d$/;

/** Whether a blackout is of whole days. */
export function isOfDays({ from }: Pick<Blackout, 'from'>): boolean {
  return DAY.test(from);
}
