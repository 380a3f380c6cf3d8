import { AttendanceFunctions } from './attendance-functions.js';
import { getContents, getCourses, getCoursesByField, getUsersCourses } from './course-functions.js';
import type { PhpValue } from './form.js';
import type { MoodleException } from './moodle-exception.js';
import { refuse } from './moodle-exception.js';
import { checkParameters, type Parameters, type Signature } from './parameters.js';
import { getEnrolledUsers, getUsersByField } from './people-functions.js';
import type { MoodleSite } from './site.js';
import { getSiteInfo } from './site-info.js';

interface WebServiceFunction {
  signature: Signature;
  /** What a caller without the capability is told. */
  refusal: MoodleException;
  run: (site: MoodleSite, parameters: Parameters) => unknown;
}

/**
 * Functions every Moodle has and the simulator does not play: outside the service they are refused, not
 * unknown.
 */
const others = new Set([
  'core_cohort_get_cohort_members',
  'core_cohort_get_cohorts',
  'core_course_get_categories',
  'core_group_get_course_groups',
  'core_group_get_group_members',
  'core_user_create_users',
  'core_user_get_users',
  'mod_attendance_add_attendance',
  'mod_attendance_remove_attendance',
  'mod_attendance_remove_session',
]);

/** The web service functions the simulator plays. */
export class MoodleFunctions {
  private readonly played: Record<string, WebServiceFunction>;

  private readonly attendance = new AttendanceFunctions();

  constructor(private readonly site: MoodleSite) {
    const { attendance } = this;
    this.played = {
      core_course_get_contents: {
        signature: { courseid: 'int', options: 'pairs?' },
        refusal: refuse.capability('View courses without participation'),
        run: getContents,
      },
      core_course_get_courses: {
        signature: { options: 'struct?' },
        refusal: refuse.capability('View courses without participation'),
        run: getCourses,
      },
      core_course_get_courses_by_field: {
        signature: { field: 'text?', value: 'text?' },
        refusal: refuse.capability('View courses without participation'),
        run: getCoursesByField,
      },
      core_enrol_get_enrolled_users: {
        signature: { courseid: 'int', options: 'pairs?' },
        refusal: refuse.capability('View participants'),
        run: getEnrolledUsers,
      },
      core_enrol_get_users_courses: {
        signature: { userid: 'int' },
        refusal: refuse.capability('View participants'),
        run: getUsersCourses,
      },
      core_user_get_users_by_field: {
        signature: { field: 'text', values: 'list' },
        refusal: refuse.capability('View user profiles'),
        run: getUsersByField,
      },
      core_webservice_get_site_info: {
        signature: { serviceshortnames: 'list?' },
        refusal: refuse.capability('View site information'),
        run: (site) => getSiteInfo(site, this.service),
      },
      mod_attendance_add_session: {
        signature: {
          attendanceid: 'int',
          description: 'text?',
          sessiontime: 'int',
          duration: 'int?',
          groupid: 'int?',
          addcalendarevent: 'bool?',
        },
        refusal: refuse.capability('Manage Attendances'),
        run: attendance.addSession,
      },
      mod_attendance_get_courses_with_today_sessions: {
        signature: { userid: 'int' },
        refusal: refuse.login(),
        run: attendance.getTodaySessions,
      },
      mod_attendance_get_session: {
        signature: { sessionid: 'int' },
        refusal: refuse.login(),
        run: attendance.getSession,
      },
      mod_attendance_get_sessions: {
        signature: { attendanceid: 'int' },
        refusal: refuse.login(),
        run: attendance.getSessions,
      },
      mod_attendance_update_user_status: {
        // The status set is text here although it is a number everywhere else.
        signature: {
          sessionid: 'int',
          studentid: 'int',
          takenbyid: 'int',
          statusid: 'int',
          statusset: 'text',
        },
        refusal: refuse.login(),
        run: attendance.updateUserStatus,
      },
    };
  }

  /** Deletes a session with its marks, as a teacher does in Moodle's pages. */
  deleteSession(id: number): void {
    this.attendance.deleteSession(this.site, id);
  }

  /** The functions of the caller's service. */
  get service(): string[] {
    return this.site.options.functions ?? Object.keys(this.played);
  }

  /** Runs a function as its caller; refuses with what Moodle would say. */
  call(name: string, given: Record<string, PhpValue>): unknown {
    const found = Object.hasOwn(this.played, name) ? this.played[name] : undefined;
    if (this.site.vices.unknownFunctions.has(name) || (found === undefined && !others.has(name))) {
      throw refuse.missingRecord('external_functions');
    }
    if (!this.service.includes(name)) {
      throw refuse.access();
    }
    if (found === undefined) {
      throw new Error(`the Moodle simulator does not play ${name}`);
    }
    if (this.site.vices.fatal.has(name)) {
      throw refuse.phpError();
    }
    const parameters = checkParameters(found.signature, given);
    if (this.site.vices.withoutCapability.has(name)) {
      throw found.refusal;
    }
    return found.run(this.site, parameters);
  }
}
