import { useQuery } from '@connectrpc/connect-query';
import { skipToken } from '@tanstack/react-query';
import { rosterApi } from '../api/roster-api.js';

export type PersonKind = 'STUDENT' | 'TEACHER';

/** The name of somebody in SmartID, asked for when it comes into view; the id until then. */
export function PersonName({
  institutionId,
  kind,
  id,
}: {
  institutionId: string;
  kind: PersonKind;
  id: string;
}) {
  const kept = { staleTime: 300_000, retry: false };
  const ask = { institutionId, id };
  const student = useQuery(rosterApi.getStudent, kind === 'STUDENT' ? ask : skipToken, kept).data?.student;
  const teacher = useQuery(rosterApi.getTeacher, kind === 'TEACHER' ? ask : skipToken, kept).data?.teacher;
  const person = student ?? teacher;
  return <>{person ? `${person.givenName} ${person.familyName}` : `${id.slice(0, 8)}…`}</>;
}
