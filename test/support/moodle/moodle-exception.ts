/** An error as Moodle puts it on the wire. A PHP error has no errorcode. */
export class MoodleException extends Error {
  constructor(
    readonly exception: string,
    readonly errorcode: string | undefined,
    message: string,
  ) {
    super(message);
  }
}

/** PHP ran out of memory: the web server answers, and Moodle says nothing. */
export class MemoryExhausted extends Error {}

/** The errors the simulator can answer, under the class names of Moodle 4.5. */
export const refuse = {
  invalidToken: () => moodle('invalidtoken', 'Invalid token - token not found'),
  access: () =>
    new MoodleException('webservice_access_exception', 'accessexception', 'Access control exception'),
  suspendedUser: (username: string) =>
    moodle('wsaccessusersuspended', `Refused web service access for suspended username: ${username}`),
  maintenance: () =>
    moodle('sitemaintenance', 'The site is undergoing maintenance and is currently not available'),
  database: () =>
    new MoodleException(
      'dml_connection_exception',
      'dbconnectionfailed',
      '<p>Error: Database connection failed</p>',
    ),
  /** Moodle says no more than this unless debugging is on. */
  parameter: () =>
    new MoodleException(
      'core\\exception\\invalid_parameter_exception',
      'invalidparameter',
      'Invalid parameter value detected',
    ),
  missingRecord: (table: string) =>
    missing('invalidrecord', `Can't find data record in database table ${table}.`),
  /** What a query over several tables says when it finds nothing. */
  missingUnknown: () => missing('invalidrecordunknown', "Can't find data record in database."),
  missingUser: () => missing('invaliduser', 'Invalid user'),
  capability: (label: string) =>
    new MoodleException(
      'core\\exception\\required_capability_exception',
      'nopermissions',
      `Sorry, but you do not currently have permissions to do that (${label}).`,
    ),
  courseContext: (courseId: number) =>
    moodle(
      'errorcoursecontextnotvalid',
      `You cannot execute functions in the course context (course id:${courseId}). ` +
        'The context error message was: Course or activity not accessible.',
    ),
  login: () =>
    new MoodleException(
      'core\\exception\\require_login_exception',
      'requireloginerror',
      'Course or activity not accessible.',
    ),
  userField: (name: string) => moodle('invaliduserfield', `Invalid user field: ${name}`),
  coding: (hint: string) =>
    new MoodleException(
      'core\\exception\\coding_exception',
      'codingerror',
      `Coding error detected, it must be fixed by a programmer: ${hint}`,
    ),
  phpError: () => new MoodleException('TypeError', undefined, 'Unsupported operand types: string + int'),
};

function moodle(errorcode: string, message: string): MoodleException {
  return new MoodleException('core\\exception\\moodle_exception', errorcode, message);
}

function missing(errorcode: string, message: string): MoodleException {
  return new MoodleException('dml_missing_record_exception', errorcode, message);
}
