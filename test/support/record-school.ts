import type { FingerprintedPage, RecordPage, StudentRecord } from '../../src/connectors/index.js';
import { MappingEntityType } from '../../src/index.js';
import { createLogger } from '../../src/observability/index.js';
import { type SyncPolicy, SyncService, syncPolicy } from '../../src/sync/index.js';
import { newSchool, sharedHouse } from './house.js';

const { STUDENT } = MappingEntityType;

export type StudentPages = Iterable<Page> | AsyncIterable<Page>;
type Page = readonly StudentRecord[] | RecordPage<StudentRecord> | FingerprintedPage<StudentRecord>;

/** A school of its own in the shared house, whose students come from pages that a test yields. */
export async function recordSchool() {
  const services = await sharedHouse();
  const { database, mappingService, rosterService } = services;
  const school = await newSchool();
  const { integrationId, institutionId } = school;
  const syncs = new SyncService({ database, logger: createLogger({ level: 'silent' }) });
  const sync = (pages: StudentPages, policy: SyncPolicy = syncPolicy.parse({})) => {
    const entities = (async function* () {
      yield* pages;
    })();
    return syncs.sync(
      { integrationId, institutionId, entityType: STUDENT },
      { entityTypes: [STUDENT], policy, open: (use) => use((_type, corridor) => corridor({ entities })) },
    );
  };
  const mapping = (externalId: string) => mappingService.getMappingByExternalId(integrationId, STUDENT, externalId);
  const person = async (externalId: string) => rosterService.getStudent(institutionId, (await mapping(externalId)).internalId);
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
