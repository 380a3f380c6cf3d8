/** An account of the simulated Moodle. */
export interface MoodleUser {
  id: number;
  username: string;
  firstname: string;
  lastname: string;
  email: string;
  idnumber?: string;
  suspended?: boolean;
}

/** A group of a course. */
export interface MoodleGroup {
  id: number;
  name: string;
}

/** One person's place in a course. */
export interface MoodleEnrolment {
  userId: number;
  /** Role shortnames, such as `student`. */
  roles: string[];
  groupIds?: number[];
  /** Whether the enrolment is suspended or over; the account is another matter. */
  inactive?: boolean;
}

/** One mark of an attendance activity. */
export interface MoodleStatus {
  id: number;
  acronym: string;
  description: string;
  setnumber: number;
  visible?: number;
  deleted?: number;
}

/** An attendance activity. Without statuses it has P, A, L and E in set 0, with ids no other activity has. */
export interface MoodleAttendance {
  id: number;
  name?: string;
  /** 0 no groups, 1 separate, 2 visible. */
  groupmode?: 0 | 1 | 2;
  statuses?: MoodleStatus[];
}

/** A course with its people, groups and attendance activities. */
export interface MoodleCourse {
  id: number;
  shortname: string;
  fullname: string;
  idnumber?: string;
  categoryid?: number;
  visible?: boolean;
  startdate?: number;
  enddate?: number;
  groups?: MoodleGroup[];
  /** 1: separate groups, whose people see nobody of another one. */
  groupmode?: 0 | 1 | 2;
  enrolments: MoodleEnrolment[];
  attendance?: MoodleAttendance[];
}

/** A class session; `log` holds the marks by student id. */
export interface MoodleSession {
  id: number;
  attendanceid: number;
  groupid: number;
  /** Epoch seconds. */
  sessdate: number;
  duration: number;
  description: string;
  statusset: number;
  log: Map<number, { statusid: string; remarks: string | null }>;
}

/**
 * What the simulated site holds. Courses and users are read anew for each call, so a test may change them.
 */
export interface MoodleSimulatorOptions {
  token?: string;
  siteName?: string;
  release?: string;
  courses: MoodleCourse[];
  users: MoodleUser[];
  /** Which mod_attendance code answers: `null` (2024, checks nothing) or `"OK"` (2026, checks the status). */
  attendanceVersion?: 2024 | 2026;
  /** The functions of the service; all the simulator knows by default. */
  functions?: string[];
  /** How long each answer waits. */
  latencyMs?: number;
  /** How much longer it waits for each row of a list, by function; none by default. */
  rowLatencyMs?: Readonly<Record<string, number>>;
}

/** What can be made to go wrong; everything is off at first. */
export interface MoodleVices {
  /** Users the caller may not see: dropped after the page was cut, silently, as Moodle does. */
  hideUsersFrom: Set<number>;
  /** Ids of courses outside the caller's role. */
  inaccessibleCourses: Set<number>;
  /** Ids of courses that the caller may enter, but whose participants he may not see. */
  unreadableCourses: Set<number>;
  /** `idnumber` and `email` of people are not shown (the site's showuseridentity). */
  hideIdnumber: boolean;
  /** Without moodle/course:enrolreview: active enrolments are not told from others. */
  withoutEnrolReview: boolean;
  /** Without moodle/site:accessallgroups: no groups are shown, and nobody of separate groups. */
  withoutAllGroups: boolean;
  /**
   * Rows of people that one answer about sessions may have before the memory of PHP is exhausted, which ends in
   * HTTP 500.
   */
  phpMemoryRows: number | undefined;
  /** Functions the caller lacks the capability for. */
  withoutCapability: Set<string>;
  /** Off, the site's setting (200 with an error) or the command line's (503 with a page). */
  maintenance: false | 'setting' | 'cli';
  databaseDown: boolean;
  /** Functions that this Moodle does not have. */
  unknownFunctions: Set<string>;
  /** Functions that end in a PHP error: an exception without an errorcode. */
  fatal: Set<string>;
  /** What happens in place of a function: this answer, as JSON where it is a list, or none at all. */
  broken: Map<string, (params: Record<string, unknown>) => { status: number; body: string } | 'silence'>;
  /** The origin Moodle wants to be called by: every call is redirected there. */
  redirectTo: string | undefined;
  webServicesOff: boolean;
  /** An expired token is refused once by that name; Moodle then deletes it, and it becomes invalid. */
  tokenState: 'ok' | 'expired' | 'invalid';
  userSuspended: boolean;
}
