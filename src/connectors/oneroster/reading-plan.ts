import { createHash } from 'node:crypto';
import type { OneRosterConfig } from './oneroster-config.js';

/** How an entity type is to be read. */
export interface ReadingPlan {
  /** What changed since then; undefined: everything. */
  since: Date | undefined;
  /** Where the next reading may go on, once this one is applied; undefined: it cannot. */
  cursor: string | undefined;
}

interface Cursor {
  /** When the reading began. */
  at: number;
  /** When the last reading of everything began. */
  fullAt: number;
  /** Digest of the settings it was made with. */
  settings: string;
}

const DAY_MS = 86_400_000;
/**
 * How far a reading of changes goes back behind the one before: clocks differ, changes are written late, and
 * some servers write their local time as UTC. What comes twice is known by its digest.
 */
const OVERLAP_MS = DAY_MS / 2;

/**
 * Decides between everything and what changed: everything at first, after `fullEveryDays`, and when the
 * settings are others.
 */
export function planReading(
  config: OneRosterConfig,
  previous: string | undefined,
  now: number = Date.now(),
): ReadingPlan {
  const settings = createHash('sha256').update(JSON.stringify(config)).digest('base64url').slice(0, 22);
  const known = readCursor(previous);
  const goesOn =
    known !== undefined &&
    known.settings === settings &&
    known.at <= now &&
    now - known.fullAt < config.fullEveryDays * DAY_MS;
  if (!goesOn) return { since: undefined, cursor: write({ at: now, fullAt: now, settings }) };
  return {
    since: new Date(known.at - OVERLAP_MS),
    cursor: write({ at: now, fullAt: known.fullAt, settings }),
  };
}

function write(cursor: Cursor): string {
  return JSON.stringify(cursor);
}

/** undefined for one that this version does not understand. */
function readCursor(text: string | undefined): Cursor | undefined {
  try {
    const { at, fullAt, settings } = JSON.parse(text ?? 'null') as Cursor;
    return Number.isFinite(at) && Number.isFinite(fullAt) ? { at, fullAt, settings } : undefined;
  } catch {
    return undefined;
  }
}
