import type { AttendanceRow, AttendanceSheet, AttendanceStatus } from '../attendance-sheet.js';
import { ConnectorError } from '../connector-error.js';
import type { DeliveryOutcome } from '../sis-connector.js';
import type { MoodleClient } from './moodle-client.js';
import type { MoodleConfig } from './moodle-config.js';
import { isEndOfToken, MoodleError } from './moodle-error.js';
import { openSession } from './moodle-session.js';
import { anything, type SessionDetails, sessionDetails, siteInfo } from './moodle-wire.js';

/** Calls at once: as many as Moodle answers faster than one by one. */
export const SENDING_AT_ONCE = 4;

export interface SendOptions {
  client: MoodleClient;
  config: MoodleConfig;
  sheet: AttendanceSheet;
  /** Told what became of the marks. */
  delivered: (outcomes: readonly DeliveryOutcome[]) => Promise<void>;
}

/** A mark that can be sent: all that Moodle itself would not check is checked. */
interface Mark {
  row: AttendanceRow;
  statusId: number;
}

/** Marks a session: finds or adds it, sends what it does not have yet, and reads back what it has then. */
export async function sendAttendance({ client, config, sheet, delivered }: SendOptions): Promise<DeliveryOutcome[]> {
  const session = await openSession(client, sheet, config.createSessions);
  const { marks, refused } = prepare(sheet.rows, session, config.statusAcronyms);
  const stored = logOf(session);
  const missing = marks.filter(({ row, statusId }) => stored.get(row.externalId) !== String(statusId));
  const failed = missing.length > 0 ? await sendMarks({ client, session, sheet }, missing) : new Map<string, string>();
  const after = missing.length > 0 ? await readLog(client, session.id) : stored;
  const sent = marks.map(({ row, statusId }): DeliveryOutcome => {
    const { studentId } = row;
    // What is there counts, whatever the answer was: an answer can get lost after the mark was made.
    if (after.get(row.externalId) === String(statusId)) return { studentId, status: 'CONFIRMED' };
    return { studentId, status: 'FAILED', reason: failed.get(studentId) ?? 'Moodle took the mark, but does not have it.' };
  });
  const outcomes = [...refused, ...sent];
  await delivered(outcomes);
  return outcomes;
}

/** Moodle takes nonsense without a word: statuses of other sets, and people who are not enrolled. */
function prepare(rows: readonly AttendanceRow[], session: SessionDetails, acronyms: Record<AttendanceStatus, string>) {
  const own = session.statuses.filter(({ setnumber, deleted }) => setnumber === session.statusset && !deleted);
  const expected = session.users && new Set(session.users.map(({ id }) => String(id)));
  const marks: Mark[] = [];
  const refused: DeliveryOutcome[] = [];
  for (const row of rows) {
    const status = own.find(({ acronym }) => acronym === acronyms[row.status]);
    const refuse = (reason: string) => refused.push({ studentId: row.studentId, status: 'FAILED', reason });
    if (expected && !expected.has(row.externalId)) refuse('is not enrolled where the session takes place in Moodle.');
    else if (status) marks.push({ row, statusId: status.id });
    else {
      const known = own.map(({ acronym }) => acronym).join(', ');
      refuse(
        `the session has no status "${acronyms[row.status]}" for ${row.status}; it has ${known}. See config.statusAcronyms.`,
      );
    }
  }
  return { marks, refused };
}

/** One call a student, a few at once. Returns why some failed; throws when none can work any more. */
async function sendMarks(
  { client, session, sheet }: { client: MoodleClient; session: SessionDetails; sheet: AttendanceSheet },
  marks: readonly Mark[],
): Promise<Map<string, string>> {
  const takenBy = createTaker(client, sheet);
  const failed = new Map<string, string>();
  const queue = marks.values();
  let ended = false;
  const work = async () => {
    for (const { row, statusId } of queue) {
      if (ended) return;
      const mark = { sessionid: session.id, studentid: row.externalId, statusid: statusId, statusset: session.statusset };
      try {
        await takenBy((takenbyid) => client.call('mod_attendance_update_user_status', { ...mark, takenbyid }, anything));
      } catch (error) {
        if (error instanceof ConnectorError && !isEndOfToken(error)) failed.set(row.studentId, error.message);
        else {
          ended = true;
          throw error;
        }
      }
    }
  };
  await Promise.all(Array.from({ length: SENDING_AT_ONCE }, work));
  return failed;
}

/** Who takes the attendance: the session's teacher; the token's own user where there is none, or Moodle refuses the teacher. */
function createTaker(client: MoodleClient, sheet: AttendanceSheet) {
  let own: Promise<number> | undefined;
  const ownId = () => {
    own ??= client.call('core_webservice_get_site_info', {}, siteInfo).then(({ userid }) => userid);
    return own;
  };
  let teacher = sheet.teacher?.externalId;
  return async (call: (takenById: string | number) => Promise<unknown>): Promise<void> => {
    const tried = teacher;
    if (tried === undefined) {
      await call(await ownId());
      return;
    }
    try {
      await call(tried);
    } catch (error) {
      const refused = error instanceof MoodleError && ['invaliduser', 'invalidparameter'].includes(error.errorcode ?? '');
      if (!refused) throw error;
      await call(await ownId());
      teacher = undefined;
    }
  };
}

async function readLog(client: MoodleClient, sessionId: number): Promise<Map<string, string>> {
  return logOf(await client.call('mod_attendance_get_session', { sessionid: sessionId }, sessionDetails));
}

/** Student id -> status id. */
function logOf({ attendance_log: log }: SessionDetails): Map<string, string> {
  return new Map(log.map(({ studentid, statusid }) => [String(studentid), statusid]));
}
