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

  for (const [decide, end] of [
    ['discardSync', 'DISCARDED'],
    ['approveSync', 'COMPLETED'],
  ] as const) {
    it(`or approving it as the last part that waits ends the run of everything that was held for it (${decide})`, async () => {
      const { integrationService } = await sharedServices();
      const list = (most: number) =>
        `id,nombres\n${Array.from({ length: most }, (_, nth) => `S${nth},Ana${nth}\n`).join('')}`;
      const { integrationId, write } = await newSchool({ 'students.csv': list(12) });
      await integrationService.syncData(integrationId);
      await write({ 'students.csv': list(1) });
      const held = await integrationService.syncData(integrationId);
      expect(held.status).to.equal('HELD');
      const { items } = await integrationService.listSyncRuns(integrationId, { status: 'HELD' });
      const part = items.find(({ parentId }) => parentId === held.runId);
      await integrationService[decide](integrationId, part?.id ?? '');
      const whole = await integrationService.getSyncRun(integrationId, held.runId);
      expect(whole.status).to.equal(end);
      const waiting = await integrationService.listSyncRuns(integrationId, { status: 'HELD' });
      expect(waiting.items).to.deep.equal([]);
    });
  }
});
