import { expect } from 'chai';
import { MappingEntityType } from '../../src/index.js';
import { makeWayOnce } from '../support/make-way-once.js';
import { newSchool, sharedServices } from '../support/services.js';

const { STUDENT } = MappingEntityType;
const HEADER = 'id,nombres,apellidos';

describe('staging whose transaction has to make way for another', () => {
  it('finds the same when it is done again, and says each thing once', async () => {
    const { database, integrationService } = await sharedServices();
    const known = Array.from({ length: 20 }, (_, n) => `${n},Ana,Soto`);
    // More issues than are written at once, in that transaction, and some before it.
    const nameless = Array.from({ length: 100 }, (_, n) => `N${n},,`);
    const twice = Array.from({ length: 2_050 }, (_, n) => [`T${n},Eva,Vera`, `T${n},Eva,Vega`]).flat();
    const after = [HEADER, ...known, ...nameless, ...twice].join('\n');
    const sync = async (makesWay: boolean) => {
      const school = await newSchool({ 'students.csv': [HEADER, ...known].join('\n') });
      const { integrationId } = school;
      await integrationService.syncData(integrationId, STUDENT);
      await school.write({ 'students.csv': after });
      const work = () => integrationService.syncData(integrationId, STUDENT);
      const { result, writes } = makesWay
        ? await makeWayOnce(database, { integrationId, deletes: 'sync_staged' }, work)
        : { result: await work(), writes: 1 };
      const issues = await database.query<{ number: number; message: string }>(
        'SELECT number, message FROM sync_issues WHERE integration_id = $1 AND run_id = $2 ORDER BY number',
        [integrationId, result.runId],
      );
      const [run] = await database.query<{ tables: object }>(
        'SELECT tables FROM sync_runs WHERE integration_id = $1 AND id = $2',
        [integrationId, result.runId],
      );
      const { status, counts, errorCount } = result;
      return { writes, outcome: { status, counts, errorCount, issues, tables: run?.tables } };
    };
    const [undisturbed, again] = [await sync(false), await sync(true)];
    expect(again.writes).to.be.greaterThan(2_050);
    expect(undisturbed.outcome.counts).to.deep.include({ created: 2_050, failed: 2_150, unchanged: 20 });
    expect(undisturbed.outcome.tables).to.have.property('students.csv');
    expect(again.outcome).to.deep.equal(undisturbed.outcome);
  });
});
