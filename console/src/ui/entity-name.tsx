import { useQuery } from '@connectrpc/connect-query';
import { skipToken } from '@tanstack/react-query';
import { useContext } from 'react';
import { rosterApi } from '../api/roster-api.js';
import { PassesBy } from './passes-by.js';

export type PersonKind = 'STUDENT' | 'TEACHER';
export type EntityKind = PersonKind | 'GROUP' | 'COURSE';

interface Of {
  institutionId: string;
  id: string;
}

const KEPT = { staleTime: 300_000, retry: false };

function useStudentName(of: Of | typeof skipToken, enabled = true): string | undefined {
  const student = useQuery(rosterApi.getStudent, of, { ...KEPT, enabled }).data?.student;
  return student && `${student.givenName} ${student.familyName}`;
}

function useTeacherName(of: Of | typeof skipToken, enabled = true): string | undefined {
  const teacher = useQuery(rosterApi.getTeacher, of, { ...KEPT, enabled }).data?.teacher;
  return teacher && `${teacher.givenName} ${teacher.familyName}`;
}

function useGroupName(of: Of | typeof skipToken, enabled = true): string | undefined {
  return useQuery(rosterApi.getGroup, of, { ...KEPT, enabled }).data?.group?.name;
}

function useCourseName(of: Of | typeof skipToken, enabled = true): string | undefined {
  return useQuery(rosterApi.getCourse, of, { ...KEPT, enabled }).data?.course?.name;
}

/** What something is called in SmartID; undefined until that is known. */
export function useEntityName(institutionId: string, kind: EntityKind, id: string): string | undefined {
  const ask = (asked: EntityKind) => (asked === kind && id !== '' ? { institutionId, id } : skipToken);
  const names = [
    useStudentName(ask('STUDENT')),
    useTeacherName(ask('TEACHER')),
    useGroupName(ask('GROUP')),
    useCourseName(ask('COURSE')),
  ];
  return names.find((name) => name !== undefined);
}

const NAMES = {
  STUDENT: named(useStudentName),
  TEACHER: named(useTeacherName),
  GROUP: named(useGroupName),
  COURSE: named(useCourseName),
};

/** A name in a row of a list: of one kind alone, and not while it passes by. */
function named(useName: typeof useStudentName) {
  return function Name(of: Of) {
    const passesBy = useContext(PassesBy);
    return <>{useName(of, !passesBy) ?? `${of.id.slice(0, 8)}…`}</>;
  };
}

/** The name of somebody or something, asked for when it comes into view; the id until then. */
export function EntityName({ kind, institutionId, id }: Of & { kind: EntityKind }) {
  const Name = NAMES[kind];
  return <Name institutionId={institutionId} id={id} />;
}
