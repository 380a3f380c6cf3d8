import { useParams } from 'react-router';
import { PeopleList } from './people-list.js';
import { Person } from './person.js';

/** The people of an institution, or one of them. */
function People() {
  const { institutionId, kind, personId } = useParams();
  if (institutionId && personId && (kind === 'STUDENT' || kind === 'TEACHER'))
    return <Person key={personId} institutionId={institutionId} kind={kind} id={personId} />;
  return <PeopleList />;
}

export const route = { Component: People };
