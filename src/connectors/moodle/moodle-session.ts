import { encodeXML } from 'entities';
import { z } from 'zod';
import type { AttendanceSheet } from '../attendance-sheet.js';
import { ConnectorError } from '../connector-error.js';
import type { ConnectorContext } from '../sis-connector.js';
import { type Activity, activitiesOf, noActivity } from './attendance-activities.js';
import type { MoodleClient } from './moodle-client.js';
import { isRefusal, MoodleError } from './moodle-error.js';
import type { MoodleMemory } from './moodle-memory.js';
import { addedSession, type SessionDetails, sessionDetails } from './moodle-wire.js';
import { durationOf, groupIdOf, marker, searchSession, seconds } from './session-search.js';

interface Opening {
  client: MoodleClient;
  memory: MoodleMemory;
  sheet: AttendanceSheet;
  context: Pick<ConnectorContext, 'assertMaySend'>;
}

export interface OpenSession {
  details: SessionDetails;
  /** Whether it is in the place of the session that had the marks before. */
  isAnother: boolean;
  /** What is worth a word about how it was opened. */
  warnings: string[];
}

/** Codes of a session that is not there, or whose activity is not. */
const GONE = ['invalidrecord', 'invalidrecordunknown', 'invalidcoursemodule'];
/** Our session -> the one in Moodle. */
const TOPIC = 'sessions';
const remembered = z.object({ id: z.number().int(), course: z.number().int() });

/**
 * The Moodle session that a sheet is for: the one it went to before, which costs one call however many sessions
 * there are; else found, or added when that is allowed.
 */
export async function openSession(opening: Opening, mayCreate: boolean): Promise<OpenSession> {
  const { client, memory, sheet } = opening;
  const course = courseIdOf(sheet);
  const before = (await rememberedSessions(memory, [sheet.sessionId])).get(sheet.sessionId);
  const known = before?.course === course ? await readSession(client, before.id) : undefined;
  if (known && (known.courseid ?? course) === course)
    return { details: known, isAnother: false, warnings: [] };
  const activities = await activitiesOf(client, course);
  if (activities.length === 0) throw noActivity(course);
  const { found, unlooked } = await searchSession({ client, memory }, activities, sheet);
  const added =
    found === undefined ? await addSession(opening, { activities, unlooked, mayCreate }) : undefined;
  const id = found ?? (added?.id as number);
  await memory.remember(TOPIC, new Map([[sheet.sessionId, { id, course }]]));
  return {
    details: await client.call('mod_attendance_get_session', { sessionid: id }, sessionDetails),
    isAnother: before !== undefined && before.id !== id,
    warnings: added?.warnings ?? [],
  };
}

/** Sessions of Moodle, with their courses, by the ids that ours have here. */
export function rememberedSessions(memory: MoodleMemory, sessionIds?: readonly string[]) {
  return memory.recall(TOPIC, remembered, sessionIds);
}

/** The session as it is now; undefined when it was deleted. */
export async function readSession(client: MoodleClient, id: number): Promise<SessionDetails | undefined> {
  return client
    .call('mod_attendance_get_session', { sessionid: id }, sessionDetails)
    .catch((error: unknown) => {
      if (error instanceof MoodleError && GONE.includes(error.errorcode ?? '')) return undefined;
      throw error;
    });
}

function courseIdOf({ course }: AttendanceSheet): number {
  const id = Number(course?.externalId);
  if (Number.isSafeInteger(id)) return id;
  throw new ConnectorError(
    `The session's course${course ? ` "${course.name}"` : ''} is not mapped to a course of this Moodle. Sync COURSE and GROUP first.`,
  );
}

/**
 * Adding twice makes two sessions: this comes after a search, and is not repeated when it may have arrived.
 */
async function addSession(
  { client, sheet, context }: Opening,
  { activities, unlooked, mayCreate }: { activities: Activity[]; unlooked: Activity[]; mayCreate: boolean },
): Promise<{ id: number; warnings: string[] }> {
  const at = sheet.startsAt.toISOString();
  const [unlisted] = unlooked;
  const tooMany =
    unlisted && `Moodle fails to list the sessions of "${unlisted.name}", which are too many for it`;
  if (!mayCreate) {
    throw new ConnectorError(
      tooMany
        ? `${tooMany}, so that the one at ${at} cannot be found, and config.createSessions is false. Send it on its day, when it is found among those of its teacher, or allow it here.`
        : `Moodle has no attendance session at ${at}, nor within five minutes of it, and config.createSessions is false. Add the session there, or allow it here.`,
    );
  }
  const group = groupIdOf(sheet);
  const activity = activities.find(({ groupMode }) => groupMode !== 1 || group !== 0);
  if (!activity) throw needsGroup(activities[0]?.name ?? '', sheet);
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
      throw explain(error, activity, sheet);
    });
  return {
    id: sessionid,
    warnings: tooMany
      ? [`${tooMany}: one was added at ${at}, and nobody could look whether one is kept there by hand.`]
      : [],
  };
}

function needsGroup(activity: string, { group }: AttendanceSheet): ConnectorError {
  const separate = `The attendance activity "${activity}" has separate groups, where each session is of one group`;
  return new ConnectorError(
    group
      ? `${separate}, and the session's group "${group.name}" is not mapped to this Moodle. Sync GROUP first.`
      : `${separate}, and this class session is of the whole course. Send a session for each group, or set the group mode of the activity to no groups or to visible groups.`,
  );
}

function explain(error: unknown, { name }: Activity, sheet: AttendanceSheet): unknown {
  const at = sheet.startsAt.toISOString();
  if (isRefusal(error))
    return new ConnectorError(
      `${error.message} To add sessions it needs mod/attendance:manageattendances; or add the session at ${at} in Moodle and set config.createSessions to false.`,
    );
  if (sheet.group && error instanceof MoodleError && error.errorcode === 'invalidparameter')
    return new ConnectorError(
      `Moodle does not take a session of group "${sheet.group.name}" (${sheet.group.externalId}) in "${name}": is it a group of that course?`,
    );
  return error;
}
