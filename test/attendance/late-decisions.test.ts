import { expect } from 'chai';
import { MappingEntityType } from '../../src/connectors/index.js';
import { ANA, doubtedSchool, LUZ, PEDRO, studentsCsv } from '../support/doubted-school.js';
import { giveUp, orderOf } from '../support/send-orders.js';
import { newSession, sharedServices } from '../support/services.js';
import { until } from '../support/until.js';

const { STUDENT } = MappingEntityType;
/** Ana under an id that she has anew. */
const ANA_AGAIN = 'E9;12345678-5;Ana;Soto';

type Doubted = Awaited<ReturnType<typeof doubtedSchool>>;

/** A school whose session was given up a day ago, with a mark of a student whose id is in doubt. */
async function givenUp(marks?: Parameters<typeof newSession>[2]): Promise<Doubted> {
  const made = await doubtedSchool(marks && { marks });
  await made.close();
  await giveUp(made);
  expect(await made.states()).to.include('E1 v1 ABSENT WITHHELD 0');
  return made;
}

/** Waits until the school has this mark. */
const hasCome = (made: Doubted, mark: string) => until(async () => (await made.sent()).includes(mark));

describe('a session that was given up with a mark that is withheld is sent again by itself', () => {
  it('once a person decides that the id is still that of the student', async () => {
    const made = await givenUp();
    await made.decide('LINK');
    await hasCome(made, 'E1 ABSENT');
    await until(async () => (await orderOf(made)) === undefined);
    expect(await made.states()).to.deep.equal(['E1 v1 ABSENT TAKEN 1', 'E2 v1 PRESENT TAKEN 1']);
  });

  it('once a person decides to ignore the row, also with many at once', async () => {
    const { integrationService } = await sharedServices();
    const made = await givenUp();
    await integrationService.resolveConflicts(made.integrationId, {
      entityType: 'STUDENT',
      rule: 'externalId',
      resolution: 'IGNORE',
    });
    await hasCome(made, 'E1 ABSENT');
  });

  it('once the row is again that of the student', async () => {
    const made = await givenUp();
    await made.write(studentsCsv(ANA, LUZ));
    await made.sync();
    await hasCome(made, 'E1 ABSENT');
  });

  it('once the student has another id by a re-key, under that one', async () => {
    const { mappingService } = await sharedServices();
    const made = await givenUp();
    const { integrationId } = made;
    const ids = { externalId: 'E1', newExternalId: 'E9' };
    await mappingService.repairs.rekey({ integrationId, entityType: STUDENT, ...ids });
    await hasCome(made, 'E9 ABSENT');
    expect(await made.states()).to.include('E1 v1 ABSENT WITHDRAWN 0');
  });

  it('once the student has another id, after the one before was given to somebody else', async () => {
    const made = await givenUp();
    await made.decide('CREATE');
    await made.sync();
    expect(await made.sent()).to.deep.equal(['E2 PRESENT']);
    await made.write(studentsCsv(PEDRO, LUZ, ANA_AGAIN));
    await made.sync();
    await hasCome(made, 'E9 ABSENT');
    expect(await made.sent()).to.deep.equal(['E2 PRESENT', 'E9 ABSENT']);
  });

  it('once a merge gives the mark to a student with an id of which there is no doubt', async () => {
    const { mappingService } = await sharedServices();
    const made = await givenUp({ E1: 'ABSENT' });
    const { integrationId } = made;
    const idOf = async (id: string) =>
      (await mappingService.getMappingByExternalId(integrationId, STUDENT, id)).internalId;
    const ids = { keepInternalId: await idOf('E2'), dropInternalId: await idOf('E1') };
    await mappingService.repairs.merge({ integrationId, entityType: STUDENT, ...ids, keepExternalId: 'E2' });
    await hasCome(made, 'E2 ABSENT');
  });

  it('although the process that closed the conflict died right after that', async () => {
    const { database } = await sharedServices();
    const made = await givenUp();
    // All that it leaves is what it wrote.
    await database.execute('DELETE FROM sync_conflicts WHERE integration_id = $1', [made.integrationId]);
    await hasCome(made, 'E1 ABSENT');
  });

  it('but not while the integration is INACTIVE', async () => {
    const { integrationService } = await sharedServices();
    const [inactive, other] = [await givenUp(), await givenUp()];
    await integrationService.updateIntegration(inactive.integrationId, { status: 'INACTIVE' });
    for (const made of [inactive, other]) await made.decide('LINK');
    await hasCome(other, 'E1 ABSENT');
    expect(await inactive.states()).to.include('E1 v1 ABSENT WITHHELD 0');
    expect(await orderOf(inactive)).to.equal(undefined);
    await integrationService.updateIntegration(inactive.integrationId, { status: 'ACTIVE' });
    await hasCome(inactive, 'E1 ABSENT');
  });

  it('but not one that is open, nor one that the integration was not sent', async () => {
    const { integrationService, rosterService } = await sharedServices();
    const made = await givenUp();
    const open = await newSession(made, { course: 'C1' }, { E1: 'LATE' });
    await integrationService.sendAttendance(made.integrationId, open.id);
    const unsent = await newSession(made, { course: 'C1' }, { E1: 'EXCUSED' });
    const { database } = await sharedServices();
    await database.execute('UPDATE class_sessions SET closed_at = now() WHERE id = $1', [unsent.id]);
    await made.decide('LINK');
    await hasCome(made, 'E1 ABSENT');
    const statesOf = async (sessionId: string) =>
      (await integrationService.listDeliveries(made.integrationId, { sessionId })).items.map(
        ({ mark, status }) => `${mark} ${status}`,
      );
    expect(await statesOf(open.id)).to.deep.equal(['LATE WITHHELD']);
    expect(await statesOf(unsent.id)).to.deep.equal([]);
    await rosterService.closeClassSession(made.institutionId, open.id);
    await until(async () => !(await statesOf(open.id)).includes('LATE WITHHELD'));
  });
});
