import type { AttendanceRow, AttendanceSheet } from '../../src/connectors/index.js';

/** A session with a mark for each of these students, given by their ids in the school's system. */
export function sheetOf(students: readonly string[], courseId: string, groupId: string): AttendanceSheet {
  const rows = students.map((externalId, i): AttendanceRow => {
    const none = {
      nationalId: undefined,
      code: undefined,
      arrivalTime: undefined,
      permanencePercentage: undefined,
    };
    const origin = { origin: undefined, source: undefined, remarks: undefined };
    const status = (['PRESENT', 'ABSENT', 'LATE', 'EXCUSED'] as const)[i % 4] ?? 'PRESENT';
    return {
      ...none,
      ...origin,
      studentId: `student-${i}`,
      externalId,
      givenName: 'Ana',
      familyName: `Soto ${i}`,
      status,
    };
  });
  return {
    sessionId: '00000000-0000-4000-8000-00000000000a',
    institutionId: '00000000-0000-4000-8000-000000000002',
    timeZone: 'America/Santiago',
    date: '2026-03-02',
    startsAt: new Date('2026-03-02T11:00:00Z'),
    endsAt: new Date('2026-03-02T12:30:00Z'),
    topic: 'Álgebra <1> & más',
    group: { internalId: 'g', externalId: groupId, name: '1A' },
    course: { internalId: 'c', externalId: courseId, name: 'Álgebra' },
    teacher: undefined,
    rows,
    all: rows,
  };
}
