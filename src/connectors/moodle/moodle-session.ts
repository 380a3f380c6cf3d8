import { encodeXML } from 'entities';
import type { AttendanceSheet } from '../attendance-sheet.js';
import { ConnectorError } from '../connector-error.js';
import type { ConnectorContext } from '../sis-connector.js';
import type { MoodleClient } from './moodle-client.js';
import { isRefusal } from './moodle-error.js';
import {
  addedSession,
  courseContents,
  type MoodleSession,
  type SessionDetails,
  sessionDetails,
  sessions,
} from './moodle-wire.js';

interface Opening {
  client: MoodleClient;
  sheet: AttendanceSheet;
  context: Pick<ConnectorContext, 'assertMaySend'>;
}

/** An attendance activity of a course. */
interface Activity {
  id: number;
  name: string;
  /** 0: no groups; 1: separate groups, a session needs one; 2: visible groups, a session may have one. */
  groupMode: number;
}

/** Text in a session's description that says which session of ours it is. */
const marker = (sessionId: string) => `SmartID ${sessionId}`;
const ANY_MARKER = /SmartID [0-9a-f]{8}-[0-9a-f-]{27}/i;

/** The Moodle session that a sheet is for: found, or added when that is allowed. */
export async function openSession(
  { client, sheet, context }: Opening,
  mayCreate: boolean,
): Promise<SessionDetails> {
  const courseId = Number(sheet.course?.externalId);
  if (!Number.isSafeInteger(courseId)) {
    throw new ConnectorError(
      `The session's course${sheet.course ? ` "${sheet.course.name}"` : ''} is not mapped to a course of this Moodle. Sync COURSE and GROUP first.`,
    );
  }
  const activities = await findActivities(client, courseId);
  const found = await findSession(client, activities, sheet);
  const id = found ?? (await addSession({ client, sheet, context }, activities, mayCreate));
  return client.call('mod_attendance_get_session', { sessionid: id }, sessionDetails);
}

async function findActivities(client: MoodleClient, courseId: number): Promise<Activity[]> {
  const options = [{ name: 'modname', value: 'attendance' }];
  const sections = await client.call(
    'core_course_get_contents',
    { courseid: courseId, options },
    courseContents,
  );
  const activities = sections
    .flatMap(({ modules }) => modules)
    .flatMap(({ modname, instance, name = 'attendance', groupmode = 0 }): Activity[] =>
      modname === 'attendance' && instance !== undefined
        ? [{ id: instance, name, groupMode: groupmode }]
        : [],
    );
  if (activities.length > 0) return activities;
  throw new ConnectorError(
    `Course ${courseId} of Moodle has no attendance activity that the web service user can see. Add one.`,
  );
}

/** By our own marker in any activity, else by the time and group of one that bears no marker. */
async function findSession(
  client: MoodleClient,
  activities: Activity[],
  sheet: AttendanceSheet,
): Promise<number | undefined> {
  const found: MoodleSession[] = [];
  for (const activity of activities) {
    const listed = await client.call('mod_attendance_get_sessions', { attendanceid: activity.id }, sessions);
    const marked = listed.find(({ description }) => description?.includes(marker(sheet.sessionId)));
    if (marked) return marked.id;
    found.push(...listed.filter((session) => isSameTime(session, sheet)));
  }
  const group = groupIdOf(sheet);
  const same = found.find(({ groupid }) => groupid === group) ?? found.find(({ groupid }) => groupid === 0);
  return same?.id;
}

function isSameTime({ sessdate, duration, description }: MoodleSession, sheet: AttendanceSheet): boolean {
  return (
    sessdate === seconds(sheet.startsAt) &&
    duration === durationOf(sheet) &&
    !ANY_MARKER.test(description ?? '')
  );
}

/**
 * Adding twice makes two sessions: this comes after a search, and is not repeated when it may have arrived.
 */
async function addSession(
  { client, sheet, context }: Opening,
  activities: Activity[],
  mayCreate: boolean,
): Promise<number> {
  const at = sheet.startsAt.toISOString();
  if (!mayCreate) {
    throw new ConnectorError(
      `Moodle has no attendance session at ${at}, and config.createSessions is false. Add the session there, or allow it here.`,
    );
  }
  const group = groupIdOf(sheet);
  const activity = activities.find(({ groupMode }) => groupMode !== 1 || group !== 0);
  if (!activity) {
    throw new ConnectorError(
      `The attendance activity "${activities[0]?.name}" has separate groups, and the session has no group that is mapped to this Moodle. Sync GROUP first.`,
    );
  }
  context.assertMaySend();
  const topic = sheet.topic ? `${encodeXML(sheet.topic)} ` : '';
  const { sessionid } = await client
    .callOnce(
      'mod_attendance_add_session',
      {
        attendanceid: activity.id,
        description: `${topic}(${marker(sheet.sessionId)})`,
        sessiontime: seconds(sheet.startsAt),
        duration: durationOf(sheet),
        groupid: activity.groupMode === 0 ? 0 : group,
        addcalendarevent: false,
      },
      addedSession,
    )
    .catch((error: unknown) => {
      if (!isRefusal(error)) throw error;
      throw new ConnectorError(
        `${error.message} To add sessions it needs mod/attendance:manageattendances; or add the session at ${at} in Moodle and set config.createSessions to false.`,
      );
    });
  return sessionid;
}

function groupIdOf({ group }: AttendanceSheet): number {
  return Number(group?.externalId ?? 0);
}

function seconds(time: Date): number {
  return Math.floor(time.getTime() / 1_000);
}

function durationOf({ startsAt, endsAt }: AttendanceSheet): number {
  return seconds(endsAt) - seconds(startsAt);
}
