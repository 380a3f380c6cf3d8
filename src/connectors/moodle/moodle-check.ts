import { ConnectorError } from '../connector-error.js';
import type { ConnectionCheck, ConnectionReport } from '../sis-connector.js';
import { AttendanceProbes } from './attendance-probes.js';
import type { MoodleClient } from './moodle-client.js';
import type { MoodleConfig } from './moodle-config.js';
import type { MoodleMemory } from './moodle-memory.js';
import type { MoodleRoster } from './moodle-roster.js';
import { anything, siteInfo } from './moodle-wire.js';
import { PeopleProbes } from './people-probes.js';

const ROSTER_FUNCTIONS = [
  'core_course_get_courses',
  'core_enrol_get_enrolled_users',
  'core_user_get_users_by_field',
];
const ATTENDANCE_FUNCTIONS = [
  'core_course_get_contents',
  'mod_attendance_get_sessions',
  'mod_attendance_get_session',
  'mod_attendance_update_user_status',
];
const CREATE_FUNCTION = 'mod_attendance_add_session';

interface Parts {
  client: MoodleClient;
  roster: MoodleRoster;
  config: MoodleConfig;
  memory: MoodleMemory;
}

/**
 * Looks what this token can do. Moodle lists the functions of a service, but not what the user may do with
 * them: that is found out by trying, with calls that change nothing. Without the roster it fails; attendance
 * is told apart.
 */
export async function checkConnection({ client, roster, config, memory }: Parts): Promise<ConnectionReport> {
  await client.call(config.wsFunction, {}, anything);
  const site = await client.call('core_webservice_get_site_info', {}, siteInfo);
  const { sitename, release = 'unknown release', username, userid } = site;
  const offered = new Set(site.functions.map(({ name }) => name));
  const rosterFunctions = functionCheck('functions', 'the roster', ROSTER_FUNCTIONS, offered);
  const attendanceFunctions = functionCheck(
    'attendance functions',
    'attendance',
    config.createSessions ? [...ATTENDANCE_FUNCTIONS, CREATE_FUNCTION] : ATTENDANCE_FUNCTIONS,
    offered,
  );
  const courseCheck = await probe('courses', () => countCourses(roster));
  const sampled = new PeopleProbes({ client, config, ownId: userid }, () => roster.courses());
  const attendance = new AttendanceProbes({ client, config, memory }, () => roster.courses());
  const needed = [rosterFunctions, courseCheck, await probe('people', () => sampled.people())];
  const checks: ConnectionCheck[] = [
    {
      name: 'site',
      ok: true,
      message: `${sitename}, Moodle ${release}, as user ${username} (${userid}).`,
      details: { sitename, release, username, userid },
    },
    ...needed,
    await probe('suspension', () => sampled.suspension()),
    ...(config.inactiveEnrolments === 'deactivate'
      ? [await probe('enrolments', () => sampled.enrolments())]
      : []),
    await probe('groups', () => sampled.groups()),
    attendanceFunctions,
    await probe('attendance', () => attendance.activities()),
    await probe('statuses', () => attendance.statuses()),
  ];
  const broken = needed.filter(({ ok }) => !ok);
  return {
    success: broken.length === 0,
    ...(broken[0] && { message: broken.map(({ message }) => message).join(' ') }),
    checks,
  };
}

function functionCheck(
  name: string,
  purpose: string,
  needed: readonly string[],
  offered: ReadonlySet<string>,
): ConnectionCheck {
  const missing = needed.filter((wsfunction) => !offered.has(wsfunction));
  if (missing.length === 0)
    return {
      name,
      ok: true,
      message: `All functions for ${purpose} are in the service.`,
      details: { missing },
    };
  const message = `The web service lacks ${missing.join(', ')}, which ${purpose} needs. Add them under Site administration → Server → Web services → External services.`;
  return { name, ok: false, message, details: { missing } };
}

/** A probe says what it found, or throws what is in its way. */
async function probe(name: string, look: () => Promise<string>): Promise<ConnectionCheck> {
  try {
    return { name, ok: true, message: await look() };
  } catch (error) {
    if (!(error instanceof ConnectorError)) throw error;
    return { name, ok: false, message: error.message };
  }
}

async function countCourses(roster: MoodleRoster): Promise<string> {
  const { length } = await roster.courses();
  if (length === 0)
    throw new ConnectorError(
      'The token sees no course. Give its user a role with moodle/course:view, or widen config.courseFilter.',
    );
  return `${length} ${length === 1 ? 'course' : 'courses'}.`;
}
