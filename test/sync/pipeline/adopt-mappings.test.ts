import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { MappingEntityType, type SyncResult } from '../../../src/index.js';
import { newCsvSource } from '../../support/institution.js';
import { sharedServices } from '../../support/services.js';
import { syncServiceOf } from '../../support/sync-service.js';

const { STUDENT } = MappingEntityType;

async function adopter() {
  const { database } = await sharedServices();
  const source = await newCsvSource({ 'students.csv': 'id,nombres\nA,Ana\nB,Eva\n' });
  let result: SyncResult;
  const syncs = syncServiceOf(database, () => result);
  const adopt = (...pairs: [externalId: string, internalId: string][]) => {
    const mappings = pairs.map(([externalId, internalId]) => ({
      entityType: STUDENT,
      externalId,
      internalId,
    }));
    result = { success: true, synced: pairs.length, errors: [], mappings };
    return syncs.sync({
      integrationId: source.integrationId,
      institutionId: source.institutionId,
      entityType: STUDENT,
    });
  };
  return { source, adopt };
}

describe('mappings that a connector brings itself', () => {
  it('are stored under clean ids, whatever spaces they come with, and one id is one mapping', async () => {
    const { source, adopt } = await adopter();
    const person = randomUUID();
    const { mappings, errors } = await adopt(
      [' N1 ', person],
      ['N1', randomUUID()],
      ['  ', randomUUID()],
      ['x'.repeat(300), randomUUID()],
    );
    expect(mappings.map(({ externalId, internalId }) => [externalId, internalId])).to.deep.equal([
      ['N1', person],
    ]);
    expect(errors).to.have.lengthOf(3);
    expect(await source.idOf('N1')).to.equal(person);
    expect((await adopt(['N1 ', person])).counts).to.deep.include({ created: 0, updated: 0, unchanged: 1 });
  });

  it('do not bring back who was merged into another', async () => {
    const { mappingService } = await sharedServices();
    const { source, adopt } = await adopter();
    await source.sync();
    const ids = {
      keepInternalId: await source.idOf('A'),
      dropInternalId: await source.idOf('B'),
      keepExternalId: 'A',
    };
    await mappingService.repairs.merge({ ...source.of, ...ids });
    const { mappings, errors } = await adopt(['N1', ids.dropInternalId.toUpperCase()]);
    expect(mappings).to.deep.equal([]);
    expect(errors[0]).to.contain(`was merged into ${ids.keepInternalId}`);
  });
});
