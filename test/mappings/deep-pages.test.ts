import { expect } from 'chai';
import { MappingEntityType } from '../../src/index.js';
import { newSchool, sharedServices } from '../support/services.js';

const { STUDENT, TEACHER } = MappingEntityType;
const ROWS = 20_000;

interface Plan {
  'Shared Hit Blocks': number;
  'Shared Read Blocks': number;
}

describe('a page of mappings far down a list', () => {
  for (const entityType of [STUDENT, undefined])
    it(`costs what the first one does, ${entityType ? 'of one entity type' : 'of all entity types'}`, async () => {
      const { database, mappingService } = await sharedServices();
      const { integrationId } = await newSchool({});
      await database.query(
        `INSERT INTO integration_mappings (integration_id, entity_type, internal_id, external_id)
         SELECT $1, 'STUDENT', gen_random_uuid(), 'S' || lpad(n::text, 6, '0') FROM generate_series(1, $2::int) n`,
        [integrationId, ROWS],
      );
      /** Pages of the database that are looked at for a page of the list. */
      const costOf = async (pageToken?: string) => {
        const original = database.query.bind(database);
        const asked: [string, readonly unknown[]][] = [];
        database.query = ((sql: string, values: readonly unknown[] = []) => {
          asked.push([sql, values]);
          return original(sql, values);
        }) as typeof database.query;
        try {
          const page = await mappingService.listMappings(integrationId, { entityType, pageToken });
          expect(page.items).to.have.lengthOf(100);
        } finally {
          database.query = original;
        }
        const [[sql, values] = ['', []]] = asked;
        const [row] = await database.query<{ 'QUERY PLAN': { Plan: Plan }[] }>(
          `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${sql}`,
          values,
        );
        if (!row?.['QUERY PLAN'][0]) throw new Error('there is no plan');
        const { Plan: plan } = row['QUERY PLAN'][0];
        return plan['Shared Hit Blocks'] + plan['Shared Read Blocks'];
      };
      const deep = Buffer.from(JSON.stringify(['STUDENT', 'S019000'])).toString('base64url');
      expect(await costOf(deep)).to.be.at.most(2 * (await costOf()) + 10);
    });

  it('begins where its token says, also with the token of a list of all entity types', async () => {
    const { database, mappingService } = await sharedServices();
    const { integrationId } = await newSchool({});
    await database.query(
      `INSERT INTO integration_mappings (integration_id, entity_type, internal_id, external_id)
       SELECT $1, type, gen_random_uuid(), 'X' || n
       FROM unnest(ARRAY['STUDENT', 'TEACHER']) type, generate_series(1, 3) n`,
      [integrationId],
    );
    const token = (...key: string[]) => Buffer.from(JSON.stringify(key)).toString('base64url');
    const ids = async (entityType: MappingEntityType | undefined, pageToken: string) =>
      (await mappingService.listMappings(integrationId, { entityType, pageToken })).items.map(
        (mapping) => `${mapping.entityType} ${mapping.externalId}`,
      );
    expect(await ids(TEACHER, token('TEACHER', 'X2'))).to.deep.equal(['TEACHER X3']);
    expect(await ids(TEACHER, token('STUDENT', 'X2'))).to.have.lengthOf(3);
    expect(await ids(STUDENT, token('TEACHER', 'X1'))).to.deep.equal([]);
    expect(await ids(undefined, token('STUDENT', 'X3'))).to.have.lengthOf(3);
  });
});
