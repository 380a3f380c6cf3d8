import { stringify } from 'csv-stringify/sync';
import type { AttendanceSheet } from '../attendance-sheet.js';

const COLUMNS = [
  'session_id',
  'date',
  'start_time',
  'end_time',
  'group_id',
  'group_name',
  'course_id',
  'course_name',
  'teacher_id',
  'student_id',
  'national_id',
  'student_code',
  'family_name',
  'given_name',
  'status',
  'arrival_time',
  'permanence_percentage',
  'origin',
  'source',
  'remarks',
] as const;

/** The name of a session's file: sending again replaces it. */
export function attendanceFileName({ date, sessionId }: AttendanceSheet): string {
  return `attendance-${date}-${sessionId}.csv`;
}

/**
 * The sheet as CSV that a spreadsheet opens as it is: UTF-8 with a mark, CRLF, times of the school's own zone
 * as HH:MM. Cells that a spreadsheet would take for a formula are made text by an apostrophe.
 */
export function attendanceFile(sheet: AttendanceSheet): string {
  const clock = new Intl.DateTimeFormat('en-GB', {
    timeZone: sheet.timeZone,
    hour: '2-digit',
    minute: '2-digit',
  });
  const session = [
    sheet.sessionId,
    sheet.date,
    clock.format(sheet.startsAt),
    clock.format(sheet.endsAt),
    sheet.group?.externalId,
    sheet.group?.name,
    sheet.course?.externalId,
    sheet.course?.name,
    sheet.teacher?.externalId,
  ];
  const rows = sheet.all.map((row) => [
    ...session,
    row.externalId,
    row.nationalId,
    row.code,
    row.familyName,
    row.givenName,
    row.status,
    row.arrivalTime && clock.format(row.arrivalTime),
    row.permanencePercentage === undefined ? undefined : String(row.permanencePercentage),
    row.origin,
    row.source,
    row.remarks,
  ]);
  return stringify(rows, {
    header: true,
    columns: [...COLUMNS],
    bom: true,
    record_delimiter: 'windows',
    escape_formulas: true,
  });
}
