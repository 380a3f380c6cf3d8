import type { Message } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { MappingEntityType } from '../../../clients/typescript/src/node.js';
import { EXIT } from '../exit-codes.js';
import { printJson, printLine, printRows, printTable, type Row } from '../output.js';
import { asJson, type Session } from '../session.js';
import { enumValue, usualOf } from '../values.js';

interface Options {
  entity?: string;
  limit?: string;
}

const TYPES = { STUDENT: MappingEntityType.STUDENT, TEACHER: MappingEntityType.TEACHER };
type Type = keyof typeof TYPES;

/** Students first. */
function typesOf(entity: string | undefined): Type[] {
  if (entity === undefined) return ['STUDENT', 'TEACHER'];
  return [enumValue(TYPES, entity, '--entity') === TYPES.STUDENT ? 'STUDENT' : 'TEACHER'];
}

export function findPeople(
  { api, json }: Session,
  [institutionId = '', ...words]: string[],
  { entity, limit }: Options,
) {
  const request = { institutionId, query: words.join(' '), pageSize: 1_000 };
  const lists: Record<Type, (of: typeof request) => AsyncIterable<Message>> = {
    STUDENT: api.each.listStudents,
    TEACHER: api.each.listTeachers,
  };
  async function* all() {
    for (const type of typesOf(entity))
      for await (const person of lists[type](request))
        yield { entityType: type, ...withActive(asJson(person)) };
  }
  const columns = ['id', 'entityType', 'givenName', 'familyName', 'active', 'nationalId', 'code', 'email'];
  return printRows({ json }, usualOf(all(), limit), columns);
}

/** JSON leaves false out, which here is what one looks for. */
const withActive = (person: Row): Row => ({ ...person, active: person.active ?? false });

export async function showPerson(session: Session, args: string[], { entity, limit }: Options) {
  const { api, json } = session;
  const [institutionId = '', id = ''] = args;
  const { type, person } = await personOf(session, { institutionId, id }, typesOf(entity));
  const mappings = await mappingsOf(session, institutionId, { entityType: TYPES[type], internalId: id });
  const changes: Row[] = [];
  const all = api.each.listEntityChanges({ institutionId, entityId: id, pageSize: 1_000 });
  for await (const change of usualOf(all, limit)) changes.push(asJson(change));
  if (json) {
    printJson({ entityType: type, person, mappings, changes });
    return EXIT.done;
  }
  printTable(fieldsOf({ entityType: type, ...person }), ['field', 'value']);
  printLine('');
  printTable(mappings, ['provider', 'externalId', 'status', 'updatedAt', 'integrationId']);
  printLine('');
  printTable(changes, ['at', 'action', 'actor', 'method', 'runId', 'before', 'after']);
  return EXIT.done;
}

const fieldsOf = (row: Row) => Object.entries(row).map(([field, value]) => ({ field, value }));

/** Throws where nobody of these types has the id. */
async function personOf(
  { api }: Session,
  key: { institutionId: string; id: string },
  types: readonly Type[],
): Promise<{ type: Type; person: Row }> {
  const calls: Record<Type, () => Promise<Message | undefined>> = {
    STUDENT: async () => (await api.getStudent(key)).student,
    TEACHER: async () => (await api.getTeacher(key)).teacher,
  };
  for (const type of types) {
    const found = await unlessMissing(calls[type]());
    if (found) return { type, person: withActive(asJson(found)) };
  }
  const whom = types.map((type) => type.toLowerCase()).join(' or ');
  throw new Error(
    `The institution has no ${whom} ${key.id}. What became of the id: smartid audit changes ${key.institutionId} ${key.id}`,
  );
}

/** Each integration's id of somebody, of those that have one. */
async function mappingsOf(
  { api }: Session,
  institutionId: string,
  key: { entityType: MappingEntityType; internalId: string },
): Promise<Row[]> {
  const mappings: Row[] = [];
  for await (const { id, provider } of api.each.listIntegrations({ institutionId, pageSize: 1_000 })) {
    const answer = await unlessMissing(api.getMapping({ id, ...key }));
    if (answer?.mapping) mappings.push({ provider, ...asJson(answer.mapping) });
  }
  return mappings;
}

async function unlessMissing<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ConnectError && error.code === Code.NotFound) return undefined;
    throw error;
  }
}
