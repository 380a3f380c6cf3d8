import type { AttendanceRow, AttendanceSheet } from '../attendance-sheet.js';
import { ConnectorError } from '../connector-error.js';
import type { DeliveryOutcome } from '../sis-connector.js';
import type { Gateway } from './gateway.js';
import { toAsistencia } from './gateway-records.js';

const BATCH = 100;

/**
 * Sends marks in batches, and says after each what became of it. IDUKAY cannot be asked what it stored: a
 * mark it took is SENT. A batch that fails as a whole stops the sending; those before it are done.
 */
export async function sendAttendance(
  gateway: Gateway,
  sheet: AttendanceSheet,
  delivered: (outcomes: readonly DeliveryOutcome[]) => Promise<void>,
): Promise<DeliveryOutcome[]> {
  const courseId = sheet.course?.externalId;
  if (courseId === undefined) {
    throw new ConnectorError(
      'The session has no course that is mapped to a curso of IDUKAY. Sync COURSE and GROUP first.',
    );
  }
  const all: DeliveryOutcome[] = [];
  for (let start = 0; start < sheet.rows.length; start += BATCH) {
    const rows = sheet.rows.slice(start, start + BATCH);
    const { procesadas, errores } = await gateway.send(rows.map((row) => toAsistencia(sheet, courseId, row)));
    const outcomes = judge(
      rows,
      procesadas,
      new Map(errores.map(({ estudiante_id: id, error }) => [id, error])),
    );
    await delivered(outcomes);
    all.push(...outcomes);
  }
  return all;
}

function judge(
  rows: readonly AttendanceRow[],
  processed: number,
  refused: ReadonlyMap<string, string>,
): DeliveryOutcome[] {
  const taken = rows.filter(({ externalId }) => !refused.has(externalId)).length;
  return rows.map(({ studentId, externalId }): DeliveryOutcome => {
    const reason = refused.get(externalId);
    if (reason !== undefined)
      return {
        studentId,
        status: 'FAILED',
        reason: `IDUKAY refused the mark: ${reason || 'no reason given'}.`,
      };
    if (processed >= taken) return { studentId, status: 'SENT' };
    // Which ones it left out it does not say.
    return {
      studentId,
      status: 'FAILED',
      reason: `IDUKAY processed ${processed} of ${taken} marks and does not say which.`,
    };
  });
}
