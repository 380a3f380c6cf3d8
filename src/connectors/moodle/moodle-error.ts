import { ConnectorError } from '../connector-error.js';

const TOKENS = 'Site administration → Server → Web services → Manage tokens';
const SERVICES = 'Site administration → Server → Web services → External services';

/**
 * What Moodle's error codes mean to the person who runs it. Its messages are translated, so the code decides.
 */
const MEANINGS: Readonly<Record<string, (call: string) => string>> = {
  invalidtoken: () => `Moodle refused the token (invalidtoken). Create a new one under ${TOKENS}`,
  accessexception: (call) =>
    `Moodle does not let this token call ${call} (accessexception). Look under ${SERVICES} whether the function is in the service, the service is enabled, the user is on its list, this address may use it and the user may use REST; and under ${TOKENS} whether the token has expired`,
  wsaccessusersuspended: () =>
    'The Moodle user of the token is suspended (wsaccessusersuspended). Reactivate it, or use the token of another',
  wsaccessuserdeleted: () =>
    'The Moodle user of the token was deleted (wsaccessuserdeleted). Use the token of another',
  wsaccessuserexpired: () =>
    'The password of the Moodle user of the token has expired (wsaccessuserexpired). Renew it',
  nopermissions: (call) =>
    `The Moodle user of the token lacks a capability for ${call} (nopermissions). Give its role the capability`,
  requireloginerror: (call) =>
    `The Moodle user of the token may not enter the course or activity that ${call} is about (requireloginerror). Give its role moodle/course:view and the activity's view capability`,
  errorcoursecontextnotvalid: (call) =>
    `The Moodle user of the token may not enter the course that ${call} is about (errorcoursecontextnotvalid). Give its role moodle/course:view and moodle/course:viewhiddencourses there`,
  invalidparameter: (call) => `Moodle refused what it was given for ${call} (invalidparameter)`,
  sitemaintenance: () => 'Moodle is under maintenance (sitemaintenance). Try again later',
  dbconnectionfailed: () => 'Moodle has lost its database (dbconnectionfailed). Try again later',
};

/** Moodle answered a call with an exception. */
export class MoodleError extends ConnectorError {
  /** Moodle's own code; undefined for a fatal error of its PHP. */
  readonly errorcode: string | undefined;

  constructor(
    call: string,
    { errorcode, message }: { errorcode?: string | undefined; message?: string | undefined },
  ) {
    super(`${sentence(call, errorcode, message)}.`);
    this.name = 'MoodleError';
    this.errorcode = errorcode;
  }
}

/** The caller may not do this, or not there: other calls and courses may still work. */
const REFUSED = ['accessexception', 'nopermissions', 'requireloginerror', 'errorcoursecontextnotvalid'];

export function isRefusal(error: unknown): error is MoodleError {
  return error instanceof MoodleError && REFUSED.includes(error.errorcode ?? '');
}

/** A function that this token cannot call at all, or that this Moodle does not have. */
export function isUnavailable(error: unknown): boolean {
  return isRefusal(error) || (error instanceof MoodleError && error.errorcode === 'invalidrecord');
}

/** There is no record of the id that was asked for. */
export function isMissing(error: unknown): boolean {
  return error instanceof MoodleError && error.errorcode === 'invalidrecord';
}

/** There is nobody of the id that was asked for. */
export function isNobody(error: unknown): boolean {
  return error instanceof MoodleError && error.errorcode === 'invaliduser';
}

/** Nothing will work any more with this token. */
export function isEndOfToken(error: unknown): boolean {
  return error instanceof MoodleError && /^(invalidtoken|wsaccessuser)/.test(error.errorcode ?? '');
}

function sentence(call: string, errorcode: string | undefined, message: string | undefined): string {
  const shown = (message ?? '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, 200)
    .replace(/\.$/, '');
  if (errorcode === undefined)
    return `Moodle itself failed in ${call}${shown && ` ("${shown}")`}; its error log tells more`;
  return MEANINGS[errorcode]?.(call) ?? `Moodle refused ${call} (${errorcode})${shown && `: ${shown}`}`;
}
