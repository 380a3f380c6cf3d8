export { readCalendar } from './calendar.js';
export { type Drift, type DriftCheck, readDrift } from './drift.js';
export type { Blackout, Schedule, ScheduleKey, ScheduleKind, ScheduleSettings, Timing } from './schedule.js';
export { ScheduleRunner } from './schedule-runner.js';
export { ScheduleService } from './schedule-service.js';
export { nextTimes } from './times.js';
export { isTimeZone } from './wall-clock.js';
