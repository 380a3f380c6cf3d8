import type { AttendanceSheet } from '../attendance-sheet.js';
import { ConnectorError } from '../connector-error.js';
import type { Activity } from './attendance-activities.js';
import type { MoodleClient } from './moodle-client.js';
import { isEndOfToken } from './moodle-error.js';
import type { MoodleMemory } from './moodle-memory.js';
import { type MoodleSession, todaySessions } from './moodle-wire.js';
import { listSessions } from './session-list.js';

/** Text in a session's description that says which session of ours it is. */
export const marker = (sessionId: string) => `SmartID ${sessionId}`;
const ANY_MARKER = /SmartID [0-9a-f]{8}-[0-9a-f-]{27}/i;
/** How far a session that is kept by hand may be from ours, in seconds. */
const NEAR = 300;

export interface SearchResult {
  /** The session's id in Moodle. */
  found?: number;
  /** Activities in which the session may be, although it was not found. */
  unlooked: Activity[];
}

/**
 * Looks for the session of a sheet: by our own marker in any activity, else by the time and group of one that
 * bears none. First among today's sessions of its teacher, which cost little.
 */
export async function searchSession(
  parts: { client: MoodleClient; memory: MoodleMemory },
  activities: readonly Activity[],
  sheet: AttendanceSheet,
): Promise<SearchResult> {
  const ids = new Set(activities.map(({ id }) => id));
  const today = (await sessionsOfToday(parts.client, sheet)).filter(
    ({ attendanceid }) => attendanceid !== undefined && ids.has(attendanceid),
  );
  const ofToday = pick(today, sheet);
  if (ofToday) return { found: ofToday.id, unlooked: [] };
  const listed: MoodleSession[] = [];
  const unlooked: Activity[] = [];
  for (const activity of activities) {
    const sessions = await listSessions(parts, activity);
    if (sessions) listed.push(...sessions);
    // Where today's sessions of an activity are shown, this one would be among them.
    else if (!today.some(({ attendanceid }) => attendanceid === activity.id)) unlooked.push(activity);
    const marked = sessions?.find((session) => isMarked(session, sheet));
    if (marked) return { found: marked.id, unlooked: [] };
  }
  const found = pick(listed, sheet);
  return { ...(found && { found: found.id }), unlooked };
}

function isMarked({ description }: MoodleSession, { sessionId }: AttendanceSheet): boolean {
  return description?.includes(marker(sessionId)) ?? false;
}

/** Of sessions that fit, that of the same group before one of all students, and the nearest in time. */
function pick(sessions: readonly MoodleSession[], sheet: AttendanceSheet): MoodleSession | undefined {
  const marked = sessions.find((session) => isMarked(session, sheet));
  if (marked) return marked;
  const group = groupIdOf(sheet);
  const distance = ({ sessdate }: MoodleSession) => Math.abs(sessdate - seconds(sheet.startsAt));
  const isOther = ({ groupid }: MoodleSession) => Number(groupid !== group);
  const unlike = ({ duration }: MoodleSession) => Math.abs(duration - durationOf(sheet));
  return sessions
    .filter((session) => distance(session) <= NEAR && !ANY_MARKER.test(session.description ?? ''))
    .filter(({ groupid }) => groupid === group || groupid === 0)
    .sort(
      (a, b) => isOther(a) - isOther(b) || distance(a) - distance(b) || unlike(a) - unlike(b) || a.id - b.id,
    )[0];
}

/** Those of the sheet's teacher, if it is of today; none where Moodle does not give them. */
async function sessionsOfToday(client: MoodleClient, sheet: AttendanceSheet): Promise<MoodleSession[]> {
  const userid = sheet.teacher?.externalId;
  const today = new Intl.DateTimeFormat('sv-SE', { timeZone: sheet.timeZone, dateStyle: 'short' }).format(
    Date.now(),
  );
  if (userid === undefined || sheet.date !== today) return [];
  try {
    const courses = await client.call(
      'mod_attendance_get_courses_with_today_sessions',
      { userid },
      todaySessions,
      { retries: 1 },
    );
    return courses.flatMap(({ attendance_instances: instances }) =>
      instances.flatMap(({ today_sessions: own }) => own),
    );
  } catch (error) {
    // It only spares a longer way: the function may not be in the service, or the teacher not in the course.
    if (!(error instanceof ConnectorError) || isEndOfToken(error)) throw error;
    return [];
  }
}

/** Moodle's id of the sheet's group; 0 for a session of the whole course. */
export function groupIdOf({ group }: AttendanceSheet): number {
  return Number(group?.externalId ?? 0);
}

export function seconds(time: Date): number {
  return Math.floor(time.getTime() / 1_000);
}

export function durationOf({ startsAt, endsAt }: AttendanceSheet): number {
  return seconds(endsAt) - seconds(startsAt);
}
