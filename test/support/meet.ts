import { randomUUID } from 'node:crypto';
import { MappingEntityType } from '../../src/index.js';
import { newSchool, sharedServices } from './services.js';

export const PERSON_HEADER = 'id,rut,nombres,apellidos,correo,código,nacimiento';

export type RosterPerson = Record<string, string>;

/** A roster with these people, put there by a backend, and a source with these rows of PERSON_HEADER. */
export async function meet(people: readonly RosterPerson[], rows: readonly string[]) {
  const { rosterService, integrationService, mappingService, database } = await sharedServices();
  const { STUDENT } = MappingEntityType;
  const csv = (lines: readonly string[]) => ({ 'students.csv': [PERSON_HEADER, ...lines].join('\n') });
  const school = await newSchool(csv(rows));
  const { integrationId, institutionId } = school;
  const put = async (person: RosterPerson) => {
    const id = randomUUID();
    await rosterService.putStudent(institutionId, id, { givenName: 'Ana', ...person });
    return id;
  };
  const ids: string[] = [];
  for (const person of people) ids.push(await put(person));
  const mapped = async () =>
    new Map(
      (await mappingService.listMappings(integrationId)).items.map((mapping) => [
        mapping.externalId,
        mapping.internalId,
      ]),
    );
  const conflicts = async () => (await integrationService.listConflicts(integrationId)).items;
  const decide = async (
    externalId: string,
    resolution: 'LINK' | 'CREATE' | 'IGNORE',
    internalId?: string,
  ) => {
    const pages = [false, true].map((resolved) =>
      integrationService.listConflicts(integrationId, { resolved }),
    );
    const all = (await Promise.all(pages)).flatMap(({ items }) => items);
    const conflict = all.find((one) => one.externalId === externalId);
    return integrationService.resolveConflict(integrationId, conflict?.id as string, resolution, internalId);
  };
  return {
    ...school,
    ids,
    put,
    mapped,
    conflicts,
    decide,
    database,
    integrationService,
    write: (lines: readonly string[]) => school.write(csv(lines)),
    writeFiles: school.write,
    sync: () => integrationService.syncData(integrationId, STUDENT),
    preview: () => integrationService.previewSync(integrationId, STUDENT),
    student: (id: string) => rosterService.getStudent(institutionId, id),
    reasons: async () =>
      Object.fromEntries((await conflicts()).map(({ externalId, reason }) => [externalId, reason])),
  };
}
