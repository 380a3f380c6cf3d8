import { expect } from 'chai';
import { MappingEntityType } from '../../../src/index.js';
import { newSchool, sharedServices } from '../../support/services.js';

describe('discarding a plan', () => {
  it('that somebody approves at the same moment is refused, and the plan is applied', async () => {
    const { database, integrationService } = await sharedServices();
    const { integrationId } = await newSchool({ 'students.csv': 'id,nombres\nS1,Ana\n' });
    const { runId } = await integrationService.previewSync(integrationId, MappingEntityType.STUDENT);
    const query = database.query.bind(database);
    let isFirst = true;
    database.query = async (sql, values) => {
      if (isFirst && sql.includes("SET status = 'DISCARDED'")) {
        isFirst = false;
        await integrationService.approveSync(integrationId, runId);
      }
      return query(sql, values);
    };
    const refusal = await integrationService
      .discardSync(integrationId, runId)
      .catch((error: { code?: string; message: string }) => error)
      .finally(() => {
        database.query = query;
      });
    expect(refusal).to.include({ code: 'failed_precondition' });
    expect((refusal as Error).message).to.match(/is COMPLETED; only a plan/);
    expect((await integrationService.getSyncRun(integrationId, runId)).status).to.equal('COMPLETED');
  });
});
