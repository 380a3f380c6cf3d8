import type { FingerprintedPage, RecordPage, StudentRecord } from '../../src/connectors/index.js';
import { MappingEntityType } from '../../src/index.js';
import { type SyncPolicy, syncPolicy } from '../../src/sync/index.js';
import { newSchool, sharedServices } from './services.js';
import { syncServiceOf } from './sync-service.js';

const { STUDENT } = MappingEntityType;

export type StudentPages = Iterable<Page> | AsyncIterable<Page>;
type Page = readonly StudentRecord[] | RecordPage<StudentRecord> | FingerprintedPage<StudentRecord>;

/** A school of its own in the shared services, whose students come from pages that a test yields. */
export async function recordSchool() {
  const services = await sharedServices();
  const { database, mappingService, rosterService } = services;
  const school = await newSchool();
  const { integrationId, institutionId } = school;
  let given: StudentPages = [];
  let policy = syncPolicy.parse({});
  const entities = async function* () {
    yield* given;
  };
  const syncs = syncServiceOf(database, () => ({ entities: entities() }), { policy: () => policy });
  const sync = (pages: StudentPages, nextPolicy: SyncPolicy = syncPolicy.parse({})) => {
    [given, policy] = [pages, nextPolicy];
    return syncs.sync({ integrationId, institutionId, entityType: STUDENT });
  };
  const mapping = (externalId: string) =>
    mappingService.getMappingByExternalId(integrationId, STUDENT, externalId);
  const person = async (externalId: string) =>
    rosterService.getStudent(institutionId, (await mapping(externalId)).internalId);
  /** External id -> whether the mapping has a digest, by which an unchanged row is known. */
  const known = async () => {
    const rows = await database.query<{ id: string; known: boolean }>(
      `SELECT external_id AS id, digest IS NOT NULL AND digest <> '00000000-0000-0000-0000-000000000000' AS known
       FROM integration_mappings WHERE integration_id = $1 AND entity_type = 'STUDENT'`,
      [integrationId],
    );
    return Object.fromEntries(rows.map(({ id, known }) => [id, known]));
  };
  return { ...services, ...school, syncs, sync, mapping, person, known };
}
