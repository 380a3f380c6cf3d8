import type { AttendanceRow, AttendanceSheet } from '../attendance-sheet.js';
import { ConnectorError } from '../connector-error.js';
import type { ConnectorContext, DeliveryOutcome } from '../sis-connector.js';
import type { MoodleClient } from './moodle-client.js';
import type { MoodleConfig } from './moodle-config.js';
import { isEndOfToken, MoodleError } from './moodle-error.js';
import type { MoodleMemory } from './moodle-memory.js';
import { openSession, readSession } from './moodle-session.js';
import { anything, type SessionDetails, siteInfo } from './moodle-wire.js';
import { SessionStatuses } from './session-statuses.js';

/** Calls at once: as many as Moodle answers faster than one by one. */
export const SENDING_AT_ONCE = 4;

export interface SendOptions {
  client: MoodleClient;
  memory: MoodleMemory;
  config: MoodleConfig;
  sheet: AttendanceSheet;
  context: Pick<ConnectorContext, 'delivered' | 'handOutAgain' | 'assertMaySend'>;
}

/** What became of the marks, and what is worth a word about the session. */
export interface Sent {
  outcomes: DeliveryOutcome[];
  warnings: string[];
}

/** A mark that can be sent: all that Moodle itself would not check is checked. */
interface Mark {
  row: AttendanceRow;
  statusId: number;
  /** What Moodle had instead, when nobody here has sent that; a sentence. */
  overwrites?: string | undefined;
}

/**
 * Marks a session: finds or adds it, sends what it does not have yet, and reads back what it has then. Marks
 * that it had once and has lost, because the session was deleted there, are sent with the others.
 */
export async function sendAttendance(options: SendOptions): Promise<Sent> {
  const { client, memory, config, sheet, context } = options;
  const opened = await openSession({ client, memory, sheet, context }, config.createSessions);
  const session = opened.details;
  const stored = logOf(session);
  const statuses = new SessionStatuses(session, config.statusAcronyms);
  const isLost = ({ externalId, status }: AttendanceRow) => {
    const there = stored.get(externalId);
    // Another session in the place of the one that had the marks has to get them all.
    return there === undefined || (opened.isAnother && there !== String(statuses.idOf(status)));
  };
  const rows = await rowsToSend(sheet, isLost, context);
  const { marks, refused } = prepare(rows, session, statuses, stored);
  const missing = marks.filter(({ row, statusId }) => stored.get(row.externalId) !== String(statusId));
  const answers: Answers = { taken: new Set(), failed: new Map() };
  try {
    await sendMarks({ client, session, sheet, context }, missing, answers);
    const after = missing.length > 0 ? await readLog(client, session.id) : stored;
    const outcomes = [...refused, ...marks.map((mark) => judge(mark, after, answers))];
    await context.delivered(outcomes);
    return { outcomes, warnings: opened.warnings };
  } catch (error) {
    // What Moodle took before it failed is said, although nobody could look.
    const isKnown = error instanceof ConnectorError && !(error instanceof SessionGone);
    if (isKnown) await context.delivered([...refused, ...unseen(marks, stored, answers)]);
    throw error;
  }
}

/** What was taken went with it. */
class SessionGone extends ConnectorError {}

/** What Moodle answered to the marks, by student. */
interface Answers {
  taken: Set<string>;
  failed: Map<string, string>;
}

/** What is there counts, whatever the answer was: an answer can get lost after the mark was made. */
function judge(
  { row, statusId, overwrites }: Mark,
  log: ReadonlyMap<string, string>,
  { taken, failed }: Answers,
): DeliveryOutcome {
  const { studentId } = row;
  if (log.get(row.externalId) === String(statusId))
    return { studentId, status: 'CONFIRMED', ...(taken.has(studentId) && { reason: overwrites }) };
  return {
    studentId,
    status: 'FAILED',
    reason: failed.get(studentId) ?? 'Moodle took the mark, but does not have it.',
  };
}

/** The same where the log could not be read afterwards; nothing of marks that were not sent. */
function unseen(
  marks: readonly Mark[],
  before: ReadonlyMap<string, string>,
  answers: Answers,
): DeliveryOutcome[] {
  return marks.flatMap((mark): DeliveryOutcome[] => {
    const { studentId } = mark.row;
    if (answers.taken.has(studentId)) return [{ studentId, status: 'SENT', reason: mark.overwrites }];
    const outcome = judge(mark, before, answers);
    return outcome.status === 'CONFIRMED' || answers.failed.has(studentId) ? [outcome] : [];
  });
}

/** The rows to send, and those that the session has lost although they were sent before. */
async function rowsToSend(
  sheet: AttendanceSheet,
  isLost: (row: AttendanceRow) => boolean,
  context: SendOptions['context'],
) {
  const given = new Set(sheet.rows.map(({ studentId }) => studentId));
  const lost = sheet.all.filter((row) => !given.has(row.studentId) && isLost(row));
  if (lost.length > 0) await context.handOutAgain(lost.map(({ studentId }) => studentId));
  return [...sheet.rows, ...lost];
}

/** Moodle takes nonsense without a word: statuses of other sets, and people who are not enrolled. */
function prepare(
  rows: readonly AttendanceRow[],
  session: SessionDetails,
  statuses: SessionStatuses,
  stored: ReadonlyMap<string, string>,
) {
  const expected = session.users && new Set(session.users.map(({ id }) => String(id)));
  const marks: Mark[] = [];
  const refused: DeliveryOutcome[] = [];
  for (const row of rows) {
    const statusId = statuses.idOf(row.status);
    const refuse = (reason: string) => refused.push({ studentId: row.studentId, status: 'FAILED', reason });
    if (expected && !expected.has(row.externalId))
      refuse('is not enrolled where the session takes place in Moodle.');
    else if (statusId === undefined) refuse(statuses.lacks(row.status));
    else marks.push({ row, statusId, overwrites: statuses.overwrites(row, stored.get(row.externalId)) });
  }
  return { marks, refused };
}

/**
 * One call a student, a few at once; fills in the answers. Throws when no call can work any more, after those
 * under way.
 */
async function sendMarks(
  { client, session, sheet, context }: Omit<SendOptions, 'config' | 'memory'> & { session: SessionDetails },
  marks: readonly Mark[],
  { taken, failed }: Answers,
): Promise<void> {
  const takenBy = createTaker(client, sheet);
  const queue = marks.values();
  let end: { error: unknown } | undefined;
  const work = async () => {
    for (const { row, statusId } of queue) {
      if (end) return;
      const mark = {
        sessionid: session.id,
        studentid: row.externalId,
        statusid: statusId,
        statusset: session.statusset,
      };
      try {
        context.assertMaySend();
        await takenBy((takenbyid) =>
          client.call('mod_attendance_update_user_status', { ...mark, takenbyid }, anything),
        );
        taken.add(row.studentId);
      } catch (error) {
        if (error instanceof ConnectorError && !isEndOfToken(error)) failed.set(row.studentId, error.message);
        else end ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: SENDING_AT_ONCE }, work));
  if (end) throw end.error;
}

/**
 * Who takes the attendance: the session's teacher; the token's own user where there is none, or Moodle
 * refuses the teacher.
 */
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
      const refused =
        error instanceof MoodleError && ['invaliduser', 'invalidparameter'].includes(error.errorcode ?? '');
      if (!refused) throw error;
      await call(await ownId());
      teacher = undefined;
    }
  };
}

async function readLog(client: MoodleClient, sessionId: number): Promise<Map<string, string>> {
  const details = await readSession(client, sessionId);
  if (details) return logOf(details);
  throw new SessionGone('The session was deleted in Moodle while its marks were sent. Send it again.');
}

/** Student id -> status id. */
function logOf({ attendance_log: log }: SessionDetails): Map<string, string> {
  return new Map(log.map(({ studentid, statusid }) => [String(studentid), statusid]));
}
