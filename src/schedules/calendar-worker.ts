import { parentPort, workerData } from 'node:worker_threads';
import { eventsOf, UnreadableCalendarError } from './calendar-events.js';
import type { Blackout } from './schedule.js';

export interface CalendarToRead {
  text: string;
  now: Date;
}

/** The blackouts of a calendar, or why it has none to tell. */
export type CalendarRead =
  | { blackouts: Blackout[]; problem?: undefined }
  | { blackouts?: undefined; problem: string };

function read({ text, now }: CalendarToRead): CalendarRead {
  try {
    return { blackouts: eventsOf(text, now) };
  } catch (error) {
    if (error instanceof UnreadableCalendarError) return { problem: error.message };
    throw error;
  }
}

parentPort?.postMessage(read(workerData as CalendarToRead));
