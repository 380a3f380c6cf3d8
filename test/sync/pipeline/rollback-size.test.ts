import { expect } from 'chai';
import { MappingEntityType } from '../../../src/index.js';
import { newSchool, sharedServices } from '../../support/services.js';

const { GROUP, STUDENT } = MappingEntityType;

/** Milliseconds that taking back a first sync takes. */
async function timeOfRollback(students: number): Promise<number> {
  const { integrationService } = await sharedServices();
  const ids = Array.from({ length: students }, (_, i) => i);
  const { integrationId } = await newSchool({
    'groups.csv': 'id,nombre\nG0,1A\nG1,1B\n',
    'students.csv': `id,nombres,correo\n${ids.map((id) => `${id},Ana,a${id}@colegio.example`).join('\n')}\n`,
    'memberships.csv': `grupo_id,persona_id\n${ids.map((id) => `G${id % 2},${id}`).join('\n')}\n`,
  });
  await integrationService.syncData(integrationId, GROUP);
  const { runId } = await integrationService.syncData(integrationId, STUDENT);
  const start = performance.now();
  const report = await integrationService.rollbackSync(integrationId, runId);
  const ms = performance.now() - start;
  expect(report).to.deep.include({ success: true, status: 'COMPLETED' });
  expect(report.counts).to.deep.include({ deactivated: students, failed: 0, moved: 0 });
  return ms;
}

describe('taking back a first sync', () => {
  it('costs no more than in proportion to its people', async () => {
    await timeOfRollback(100);
    let times = Number.POSITIVE_INFINITY;
    // Other work on the machine may make one rollback slow, but not each.
    for (let attempt = 0; attempt < 3 && times >= 24; attempt++) {
      const [few, many] = [await timeOfRollback(500), await timeOfRollback(4_000)];
      times = Math.min(times, many / Math.max(few, 100));
    }
    // A cost by the square would be 64 times; what every rollback costs alike is left aside.
    expect(times).to.be.below(24);
  });
});
