import { parentPort, workerData } from 'node:worker_threads';
import { eventsOf, UnreadableCalendarError } from './calendar-events.js';
import type { Blackout } from './schedule.js';

export interface CalendarToRead {
  text: string;
  now: Date;
  /** Of times that name none. */
  timeZone: string;
}

/** The blackouts of a calendar, or why it has none to tell. */
export type CalendarRead =
  | { blackouts: Blackout[]; problem?: undefined }
  | { blackouts?: undefined; problem: string };

function read({ text, now, timeZone }: CalendarToRead): CalendarRead {
  try {
    return { blackouts: eventsOf(text, now, timeZone) };
  } catch (error) {
    if (error instanceof UnreadableCalendarError) return { problem: error.message };
    // What the reader of calendars did not see coming lies in the text.
    return { problem: `cannot be read as a calendar: ${error instanceof Error ? error.message : error}` };
  }
}

parentPort?.postMessage(read(workerData as CalendarToRead));
