import fc from 'fast-check';
import type { Database } from '../../../src/database/index.js';
import type { MappingEntityType } from '../../../src/index.js';
import { copyInstitution } from '../../support/copy-institution.js';
import { digestsOf } from './digests.js';
import { STARTS } from './history.js';
import { ModelSchool, TYPES } from './school.js';
import { type SchoolState, schoolState } from './school-system.js';

/** An institution that many histories begin with. */
export interface Start {
  institutionId: string;
  integrationIds: [string, string];
  states: [SchoolState, SchoolState];
}

/** Makes those that histories begin with (nothing is synced, or the first integration, or both), once: syncing them costs more than a history. */
export async function makeStarts(database: Database): Promise<Start[]> {
  const states = fc.sample(fc.tuple(schoolState, schoolState), { seed: 11, numRuns: STARTS + 4 }).slice(4);
  const starts: Start[] = [];
  for (const [index, pair] of states.entries()) {
    const school = new ModelSchool(database, { states: pair });
    await school.open();
    if (index > 0) await school.settle(0, 'ALL');
    if (index > 3) await school.settle(1, 'ALL');
    const [{ id: a }, { id: b }] = school.integrations;
    starts.push({ institutionId: school.institutionId, integrationIds: [a, b], states: pair });
  }
  return starts;
}

/** An institution that is as another one, with ids of its own for itself and its integrations. */
export async function copyOf(database: Database, start: Start): Promise<ModelSchool> {
  const school = new ModelSchool(database, start);
  const [a, b] = school.integrations;
  const to = { institutionId: school.institutionId, integrationIds: [a.id, b.id] };
  await copyInstitution(database, start, to);
  // Digests are made with the id of the integration.
  const digests = [a, b].flatMap((integration) =>
    TYPES.flatMap((type: MappingEntityType) =>
      [...digestsOf(integration, type)].map(([externalId, digest]) => {
        return { id: integration.id, type, externalId, digest };
      }),
    ),
  );
  await database.execute(
    `UPDATE integration_mappings m SET digest = encode(v.digest, 'hex')::uuid
     FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bytea[]) AS v (id, type, external_id, digest)
     WHERE m.integration_id = v.id AND m.entity_type = v.type AND m.external_id = v.external_id AND m.digest IS NOT NULL`,
    [
      digests.map(({ id }) => id),
      digests.map(({ type }) => type),
      digests.map(({ externalId }) => externalId),
      digests.map(({ digest }) => digest),
    ],
  );
  return school;
}
