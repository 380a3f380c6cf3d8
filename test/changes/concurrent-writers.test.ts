import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { MappingEntityType } from '../../src/index.js';
import { newCsvSource } from '../support/institution.js';
import { sharedServices } from '../support/services.js';

const { GROUP, STUDENT } = MappingEntityType;
const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);
const csv = (round: number, ids: readonly number[]) =>
  `id,nombres,código\n${ids.map((i) => `S${i},Ana ${round},C${i}`).join('\n')}\n`;

describe('writers of one institution', () => {
  it('at once (syncs, merges, edits, a deletion) neither fail nor block one another nor hide a change from a reader', async function () {
    this.timeout(60_000);
    const { database, integrationService, mappingService, rosterService } = await sharedServices();
    const ids = numbers(12);
    const first = await newCsvSource({ 'students.csv': csv(0, ids), 'groups.csv': 'id,nombre\nG1,1A\n' });
    const { institutionId } = first;
    await first.sync(GROUP);
    await first.sync();
    const second = await newCsvSource({ 'students.csv': csv(0, ids) }, institutionId);
    await second.sync();
    const internal = await Promise.all(ids.map((i) => first.idOf(`S${i}`)));
    let busy = true;
    const seen: string[] = [];
    const read = async () => {
      let pageToken = '';
      for (let last = false; !last; ) {
        last = !busy;
        for (let hasMore = true; hasMore; ) {
          const page = await rosterService.listRosterChanges({ institutionId, pageSize: 7, pageToken });
          seen.push(...page.changes.map(({ entityId, action, runId }) => `${entityId} ${action} ${runId}`));
          ({ pageToken = '', hasMore } = { pageToken: page.nextPageToken, hasMore: page.hasMore });
        }
      }
    };
    const refused: string[] = [];
    /** What is turned away because a sync is under way, or its integration is gone, may be turned away. */
    const attempt = (work: Promise<unknown>) =>
      work.catch((error: { code?: string; message: string }) => {
        if (!['aborted', 'not_found', 'failed_precondition'].includes(error.code ?? ''))
          refused.push(error.message);
      });
    const write = async () => {
      for (let round = 1; round <= 4; round++) {
        await first.write({ 'students.csv': csv(round, ids) });
        await Promise.all([
          attempt(integrationService.syncData(first.integrationId, STUDENT)),
          attempt(second.sync()),
          attempt(rosterService.putStudent(institutionId, randomUUID(), { givenName: `Eva ${round}` })),
          attempt(
            mappingService.repairs.merge({
              ...first.of,
              keepInternalId: internal[0] as string,
              dropInternalId: internal[round] as string,
              keepExternalId: 'S0',
            }),
          ),
          round === 3 ? attempt(integrationService.deleteIntegration(second.integrationId)) : undefined,
        ]);
      }
      busy = false;
    };
    await Promise.all([write(), read()]);
    expect(refused).to.deep.equal([]);
    const whole: string[] = [];
    let pageToken = '';
    for (let hasMore = true; hasMore; ) {
      const page = await rosterService.listRosterChanges({ institutionId, pageToken });
      whole.push(...page.changes.map(({ entityId, action, runId }) => `${entityId} ${action} ${runId}`));
      ({ pageToken = '', hasMore } = { pageToken: page.nextPageToken, hasMore: page.hasMore });
    }
    expect(seen).to.deep.equal(whole);
    // Whoever was merged is nobody's, in any integration.
    const rows = await database.query(
      `SELECT m.external_id FROM students s JOIN integration_mappings m ON m.internal_id = s.id
       WHERE s.institution_id = $1 AND s.merged_into IS NOT NULL`,
      [institutionId],
    );
    expect(rows).to.deep.equal([]);
  });
});
