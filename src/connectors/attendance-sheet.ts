export type AttendanceStatus = 'PRESENT' | 'ABSENT' | 'LATE' | 'EXCUSED';

/**
 * One entity of the roster as both sides know it. `externalId` is undefined when this integration has no
 * mapping for it.
 */
export interface SheetEntity {
  internalId: string;
  externalId: string | undefined;
  name: string;
}

/** One student's mark, with the student's id in the school's system. */
export interface AttendanceRow {
  studentId: string;
  externalId: string;
  givenName: string;
  familyName: string;
  nationalId: string | undefined;
  code: string | undefined;
  status: AttendanceStatus;
  arrivalTime: Date | undefined;
  /** 0 to 100. */
  permanencePercentage: number | undefined;
  origin: 'AI' | 'MANUAL' | 'MIXED' | undefined;
  source: 'NFC' | 'CAMERA_YOLO' | 'MANUAL' | undefined;
  remarks: string | undefined;
  /**
   * Marks that the school's system may have of the student from here: the one it took last, and those sent since
   * of which nobody knows. Any other there is somebody else's.
   */
  sentBefore?: readonly AttendanceStatus[] | undefined;
}

/** The attendance of one class session, ids already translated. */
export interface AttendanceSheet {
  sessionId: string;
  institutionId: string;
  /** IANA name of the institution's time zone. */
  timeZone: string;
  /** Day of the session in that zone, YYYY-MM-DD. */
  date: string;
  startsAt: Date;
  endsAt: Date;
  topic: string | undefined;
  /** The group that was taught; undefined for a session of the whole course. */
  group: SheetEntity | undefined;
  course: SheetEntity | undefined;
  teacher: SheetEntity | undefined;
  /**
   * The marks to send: new ones, corrected ones, and those that did not arrive. Ordered by family name, given
   * name, external id.
   */
  rows: readonly AttendanceRow[];
  /** All marks of the session, for systems that take it only whole. Ordered likewise. */
  all: readonly AttendanceRow[];
}
