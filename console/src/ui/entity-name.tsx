import { useQuery } from '@connectrpc/connect-query';
import { skipToken } from '@tanstack/react-query';
import { rosterApi } from '../api/roster-api.js';

export type PersonKind = 'STUDENT' | 'TEACHER';
export type EntityKind = PersonKind | 'GROUP' | 'COURSE';

/** What something is called in SmartID; undefined until that is known. */
export function useEntityName(institutionId: string, kind: EntityKind, id: string): string | undefined {
  const kept = { staleTime: 300_000, retry: false };
  const ask = (asked: EntityKind) => (asked === kind && id !== '' ? { institutionId, id } : skipToken);
  const student = useQuery(rosterApi.getStudent, ask('STUDENT'), kept).data?.student;
  const teacher = useQuery(rosterApi.getTeacher, ask('TEACHER'), kept).data?.teacher;
  const group = useQuery(rosterApi.getGroup, ask('GROUP'), kept).data?.group;
  const course = useQuery(rosterApi.getCourse, ask('COURSE'), kept).data?.course;
  const person = student ?? teacher;
  return person ? `${person.givenName} ${person.familyName}` : (group ?? course)?.name;
}

interface EntityNameProps {
  institutionId: string;
  kind: EntityKind;
  id: string;
}

/** The name of somebody or something, asked for when it comes into view; the id until then. */
export function EntityName({ institutionId, kind, id }: EntityNameProps) {
  return <>{useEntityName(institutionId, kind, id) ?? `${id.slice(0, 8)}…`}</>;
}
