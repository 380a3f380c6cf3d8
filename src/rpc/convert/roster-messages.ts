import type { MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import {
  AttendanceOrigin,
  AttendanceRecord_Source,
  AttendanceRecord_Status,
  type AttendanceRecordSchema,
  type ClassSessionSchema,
} from '../../../gen/smartid/roster/v1/class_session_pb.js';
import {
  type CourseSchema,
  type GroupSchema,
  Membership_Role,
  type MembershipSchema,
  RosterChange_Action,
  RosterChange_Entity,
  type RosterChangeSchema,
  type StudentSchema,
} from '../../../gen/smartid/roster/v1/roster_pb.js';
import type {
  AttendanceRecord,
  ClassSession,
  Course,
  Group,
  Membership,
  RosterChange,
  Student,
  Teacher,
} from '../../roster/index.js';
import { enumName, enumValue, json, optional, timestamp } from './to-message.js';

type Optional<T> = { [Key in keyof T]: null extends T[Key] ? Exclude<T[Key], null> | undefined : T[Key] };

/** null is absent in messages. */
function withoutNulls<T extends object>(value: T): Optional<T> {
  return Object.fromEntries(
    Object.entries(value).map(([key, field]) => [key, field ?? undefined]),
  ) as Optional<T>;
}

interface Dated {
  metadata: Record<string, unknown>;
  createdAt: Date;
  updatedAt: Date;
}

function toEntityMessage<T extends Dated>(entity: T) {
  return {
    ...withoutNulls(entity),
    metadata: json(entity.metadata),
    createdAt: timestamp(entity.createdAt),
    updatedAt: timestamp(entity.updatedAt),
  };
}

export const toStudentMessage = (student: Student): MessageInitShape<typeof StudentSchema> =>
  toEntityMessage(student);
export const toTeacherMessage = (teacher: Teacher) => toEntityMessage(teacher);
export const toCourseMessage = (course: Course): MessageInitShape<typeof CourseSchema> =>
  toEntityMessage(course);
export const toGroupMessage = (group: Group): MessageInitShape<typeof GroupSchema> => toEntityMessage(group);

export function toMembershipMessage(membership: Membership): MessageInitShape<typeof MembershipSchema> {
  return {
    ...membership,
    role: enumValue(Membership_Role, membership.role),
    createdAt: timestamp(membership.createdAt),
  };
}

export function toRosterChangeMessage(change: RosterChange): MessageInitShape<typeof RosterChangeSchema> {
  return {
    runId: change.runId,
    action: enumValue(RosterChange_Action, change.action),
    entity: enumValue(RosterChange_Entity, change.entity),
    entityId: change.entityId,
    before: change.before ? json(change.before) : undefined,
    after: change.after ? json(change.after) : undefined,
    changedAt: timestamp(change.changedAt),
  };
}

export function toClassSessionMessage(session: ClassSession): MessageInitShape<typeof ClassSessionSchema> {
  const { id, institutionId, groupId, courseId, teacherId, startsAt, endsAt, topic, closedAt } = session;
  return {
    id,
    institutionId,
    groupId: optional(groupId),
    courseId: optional(courseId),
    teacherId: optional(teacherId),
    startsAt: timestamp(startsAt),
    endsAt: timestamp(endsAt),
    topic: optional(topic),
    closedAt: timestamp(closedAt),
  };
}

export function fromClassSessionMessage(
  session: MessageShape<typeof ClassSessionSchema>,
): Omit<ClassSession, 'closedAt'> {
  const { id, institutionId, groupId, courseId, teacherId, startsAt, endsAt, topic } = session;
  if (!startsAt || !endsAt) throw new Error('a class session without times passed validation');
  return {
    id,
    institutionId,
    groupId: groupId || null,
    courseId: courseId ?? null,
    teacherId: teacherId ?? null,
    startsAt: timestampDate(startsAt),
    endsAt: timestampDate(endsAt),
    topic: topic ?? null,
  };
}

export function toAttendanceRecordMessage(
  record: AttendanceRecord,
): MessageInitShape<typeof AttendanceRecordSchema> {
  return {
    studentId: record.studentId,
    status: enumValue(AttendanceRecord_Status, record.status),
    arrivalTime: timestamp(record.arrivalTime),
    permanencePercentage: optional(record.permanencePercentage),
    ...(record.origin && { origin: enumValue(AttendanceOrigin, record.origin) }),
    ...(record.source && { source: enumValue(AttendanceRecord_Source, record.source) }),
    remarks: optional(record.remarks),
  };
}

export function fromAttendanceRecordMessage(
  record: MessageShape<typeof AttendanceRecordSchema>,
): AttendanceRecord {
  return {
    studentId: record.studentId,
    status: enumName(AttendanceRecord_Status, record.status) as AttendanceRecord['status'],
    arrivalTime: record.arrivalTime ? timestampDate(record.arrivalTime) : null,
    permanencePercentage: record.permanencePercentage ?? null,
    origin: (enumName(AttendanceOrigin, record.origin) ?? null) as AttendanceRecord['origin'],
    source: (enumName(AttendanceRecord_Source, record.source) ?? null) as AttendanceRecord['source'],
    remarks: record.remarks ?? null,
  };
}
