import { expect } from 'chai';
import type { RecordSource } from '../../../../src/connectors/index.js';
import { MappingEntityType } from '../../../../src/index.js';
import { newSchool, sharedServices } from '../../../support/services.js';
import { syncServiceOf } from '../../../support/sync-service.js';

const { STUDENT } = MappingEntityType;
const ids = Array.from({ length: 1_200 }, (_, i) => String(i));

describe('a database that loses what was staged', () => {
  it('as after a crash, which empties unlogged tables, fails the run, and nobody is taken for gone', async () => {
    const { database, integrationService, rosterService } = await sharedServices();
    const { integrationId, institutionId } = await newSchool();
    let source: RecordSource;
    const syncs = syncServiceOf(database, () => source);
    const entities = async function* (name: string) {
      yield ids.map((externalId) => ({ externalId, givenName: name }));
    };
    const request = { integrationId, institutionId, entityType: STUDENT };
    source = { entities: entities('Ana') };
    await syncs.sync(request);
    source = {
      entities: entities('Eva'.repeat(100)),
      // Read when some batches of students have been written already.
      memberships: (async function* () {
        yield [];
        // The last batches may still be on their way.
        let lost = 0;
        for (let look = 0; lost === 0 && look < 1_000; look++) {
          lost = await database.execute('DELETE FROM sync_staged WHERE integration_id = $1', [integrationId]);
        }
        expect(lost).to.be.greaterThan(0);
      })(),
    };
    const error = await syncs.sync(request).catch((thrown: unknown) => thrown);
    expect(error).to.deep.include({ code: 'unavailable', reason: 'STAGED_ROWS_LOST' });
    const [run] = (await integrationService.listSyncRuns(integrationId)).items;
    expect(run).to.deep.include({
      status: 'FAILED',
      error: 'The database lost rows that this run had staged. Sync again.',
    });
    const { items } = await rosterService.listStudents({ institutionId, pageSize: 1_000 });
    expect(items.filter(({ active, givenName }) => active && givenName === 'Ana')).to.have.length(1_000);
    source = { entities: entities('Eva') };
    expect(
      (await syncs.sync({ ...request, guard: { changedPercent: 100, reason: 'new names' } })).counts,
    ).to.deep.include({
      updated: 1_200,
      missing: 0,
    });
  });
});
