/** SmartID's side, as callers see it. Ids are UUIDs; days are YYYY-MM-DD. */
export interface Entity {
  id: string;
  institutionId: string;
  active: boolean;
  /** Names of the fields that were edited in SmartID. */
  editedFields: string[];
  metadata: Record<string, unknown>;
  createdAt: Date;
  updatedAt: Date;
}

/** What students and teachers have in common. */
export interface Person extends Entity {
  nationalId: string | null;
  givenName: string;
  familyName: string;
  email: string | null;
  code: string | null;
}

export interface Student extends Person {
  enrolledOn: string | null;
  birthDate: string | null;
}

export type Teacher = Person;

export interface Course extends Entity {
  name: string;
  code: string | null;
  grade: string | null;
  academicTerm: string | null;
  description: string | null;
}

export interface Group extends Entity {
  name: string;
  courseId: string | null;
  code: string | null;
  academicTerm: string | null;
}

export interface Membership {
  institutionId: string;
  groupId: string;
  personId: string;
  role: 'STUDENT' | 'TEACHER';
  createdAt: Date;
}

export interface ClassSession {
  /** Chosen by the caller. */
  id: string;
  institutionId: string;
  /** Null for a session of the whole course. */
  groupId: string | null;
  /** When null, the course is the group's. */
  courseId: string | null;
  teacherId: string | null;
  startsAt: Date;
  endsAt: Date;
  topic: string | null;
  /** When it was closed; null: its attendance waits to be sent by hand. */
  closedAt: Date | null;
}

export interface AttendanceRecord {
  studentId: string;
  status: 'PRESENT' | 'ABSENT' | 'LATE' | 'EXCUSED';
  arrivalTime: Date | null;
  /** 0 to 100. */
  permanencePercentage: number | null;
  origin: 'AI' | 'MANUAL' | 'MIXED' | null;
  source: 'NFC' | 'CAMERA_YOLO' | 'MANUAL' | null;
  remarks: string | null;
}

export interface RosterChange {
  /** Empty where a backend edited the roster. */
  runId: string;
  action: 'CREATE' | 'UPDATE' | 'DELETE';
  entity: 'COURSE' | 'GROUP' | 'STUDENT' | 'TEACHER' | 'MEMBERSHIP';
  /** The entity's UUID; of a membership, the person's. */
  entityId: string;
  before: Record<string, unknown> | null;
  after: Record<string, unknown> | null;
  changedAt: Date;
}
