import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { IntegrationProvider, MappingEntityType } from '../../../src/connectors/index.js';
import { IdukayGateway, makeIdukaySchool } from '../../support/idukay/index.js';
import { type Listening, listenOn } from '../../support/listen.js';
import { newIntegration, sharedServices } from '../../support/services.js';

const { COURSE, GROUP, STUDENT } = MappingEntityType;
const open: Listening[] = [];

after(() => Promise.all(open.map((server) => server.close())));

/** A school of 30 students that was read whole, in pages of ten. */
async function school() {
  // Calls are paced by key.
  const idukay = new IdukayGateway({
    apiKey: randomUUID(),
    lists: makeIdukaySchool({ students: 30, courses: 15 }),
  });
  const server = await listenOn(idukay.handle);
  open.push(server);
  const { apiKey, institutionCode } = idukay;
  const { integrationId, institutionId } = await newIntegration(
    IntegrationProvider.IDUKAY,
    { apiUrl: server.url, retryDelay: 0, pageSize: 10 },
    { apiKey, institutionCode },
  );
  const { integrationService, database } = await sharedServices();
  const sync = (type: MappingEntityType) => integrationService.syncData(integrationId, type);
  for (const type of [COURSE, GROUP, STUDENT]) await sync(type);
  const members = async () => {
    const [row] = await database.query<{ count: number }>(
      'SELECT count(*)::int AS count FROM memberships WHERE institution_id = $1',
      [institutionId],
    );
    return row?.count;
  };
  return { idukay, sync, members };
}

/** Does something before the second page of a list is answered, each time it is read. */
function beforeSecondPage(idukay: IdukayGateway, list: string, change: () => void): void {
  idukay.vices.beforePage = (asked, page, size) => {
    if (asked === list && page === 2 && size === 10) change();
  };
}

describe('a list of IDUKAY that changes while its pages are read', () => {
  it('takes nobody for gone whom a deletion draws over the edge of a page, where the total fits', async () => {
    const { idukay, sync } = await school();
    beforeSecondPage(idukay, 'estudiantes', () => idukay.lists.estudiantes.splice(3, 1));
    const report = await sync(STUDENT);
    expect(report.counts.missing, 'of whom nothing is concluded').to.equal(1);
    expect(report.counts.deactivated).to.equal(0);
    expect(report.gaps).to.include('The list of estudiantes changed while it was read.');
  });

  it('takes nobody for gone when one comes for one that goes, and the total stays', async () => {
    const { idukay, sync } = await school();
    const { estudiantes } = idukay.lists;
    let number = 100;
    beforeSecondPage(idukay, 'estudiantes', () => {
      const [gone] = estudiantes.splice(3, 1);
      if (gone)
        estudiantes.push({ ...gone, id: `NEW-${++number}`, rut: '', codigo_estudiante: `N${number}` });
    });
    const report = await sync(STUDENT);
    expect([report.status, report.gaps]).to.deep.equal([
      'COMPLETED',
      ['The list of estudiantes changed while it was read.'],
    ]);
  });

  it('ends no membership of a group that was drawn over the edge of a page', async () => {
    const { idukay, sync, members } = await school();
    const before = await members();
    const grupos = idukay.lists.grupos ?? [];
    beforeSecondPage(idukay, 'grupos', () => grupos.push(...grupos.splice(3, 1)));
    const report = await sync(STUDENT);
    expect(report.gaps).to.include('The list of grupos changed while it was read.');
    expect(await members()).to.equal(before);
  });

  for (const refusesMore of [false, true]) {
    it(`is whole when nothing changed, where IDUKAY ${refusesMore ? 'refuses' : 'does not give'} larger pages`, async () => {
      const { idukay, sync } = await school();
      Object.assign(idukay.vices, { mostAtOnce: 10, refusesMore });
      idukay.lists.estudiantes.splice(3, 1);
      const report = await sync(STUDENT);
      expect([report.gaps, report.counts.missing]).to.deep.equal([[], 1]);
    });
  }
});
