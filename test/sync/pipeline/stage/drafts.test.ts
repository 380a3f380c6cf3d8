import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { MappingEntityType } from '../../../../src/index.js';
import { makeWayOnce } from '../../../support/make-way-once.js';
import { newSchool, sharedServices } from '../../../support/services.js';
import { syncServiceOf } from '../../../support/sync-service.js';

const { STUDENT } = MappingEntityType;

describe('a first sync during which a backend puts in somebody of the source', () => {
  it('links who came, leaves the state that the source cannot tell, and plans it all the same a second time', async () => {
    const { database, rosterService } = await sharedServices();
    const { integrationId, institutionId } = await newSchool();
    const id = randomUUID();
    const ana = { givenName: 'Ana', familyName: 'Soto', nationalId: '11111112-K' };
    const syncs = syncServiceOf(database, () => ({
      entities: (async function* () {
        yield [
          { externalId: '1', ...ana, active: null, activeWhenNew: false },
          { externalId: '2', givenName: 'Luz', familyName: 'Vera' },
        ];
      })(),
      // Read once the students are drafts.
      memberships: (async function* () {
        await rosterService.putStudent(institutionId, id, ana);
        yield [];
      })(),
    }));
    const { result, writes } = await makeWayOnce(database, { integrationId, column: 'planned_changes' }, () =>
      syncs.sync({ integrationId, institutionId, entityType: STUDENT }),
    );
    expect(writes).to.be.greaterThan(1);
    expect(result.counts).to.deep.include({ created: 1, updated: 1, failed: 0 });
    const { items } = await rosterService.listStudents({ institutionId });
    expect(items.map(({ givenName, active }) => [givenName, active]).sort()).to.deep.equal([
      ['Ana', true],
      ['Luz', true],
    ]);
    expect((await rosterService.getStudent(institutionId, id)).active).to.equal(true);
  });
});
