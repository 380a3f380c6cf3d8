import { expect } from 'chai';
import { IntegrationProvider } from '../../src/connectors/index.js';
import { MappingEntityType } from '../../src/index.js';
import { type Listening, listenOn } from '../support/listen.js';
import { MoodleSimulator, makeMoodleSchool } from '../support/moodle/index.js';
import { newIntegration, newSession, sharedServices } from '../support/services.js';
import { until } from '../support/until.js';

const { STUDENT } = MappingEntityType;
const open: Listening[] = [];

after(() => Promise.all(open.map((server) => server.close())));

/** A Moodle school, and a way to let the database fail whenever its connector remembers something. */
async function school() {
  const moodle = new MoodleSimulator(makeMoodleSchool({ courses: 1, students: 4 }));
  const server = await listenOn(moodle.handle);
  open.push(server);
  const config = { apiUrl: server.url };
  const made = await newIntegration(IntegrationProvider.MOODLE, config, { wsToken: moodle.token });
  const { database, integrationService } = await sharedServices();
  const name = `fails_${made.integrationId.replaceAll('-', '')}`;
  /** Fails with this SQLSTATE while `work` goes on. */
  const failing = async <T>(code: string, work: () => Promise<T>): Promise<T> => {
    await database.query(
      `CREATE FUNCTION ${name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         RAISE EXCEPTION 'it fails' USING ERRCODE = '${code}'; END $$`,
    );
    await database.query(
      `CREATE TRIGGER ${name} BEFORE INSERT OR UPDATE ON connector_memory FOR EACH ROW
         WHEN (NEW.integration_id = '${made.integrationId}') EXECUTE FUNCTION ${name}()`,
    );
    try {
      return await work();
    } finally {
      await database.query(`DROP FUNCTION ${name} CASCADE`);
    }
  };
  const sync = (type?: MappingEntityType) => integrationService.syncData(made.integrationId, type);
  const lastRun = async () => (await integrationService.listSyncRuns(made.integrationId)).items[0];
  const state = async () => {
    const { status, lastError } = await integrationService.getIntegration(made.integrationId);
    return { status, lastError };
  };
  return { ...made, moodle, failing, sync, lastRun, state, integrationService };
}

const caught = (promise: Promise<unknown>) =>
  promise.then(
    () => ({ message: 'it succeeded', code: undefined }),
    (error: Error & { code?: string }) => error,
  );

/** No room on the disk: the database is away for now. */
const AWAY = '53100';
/** What the service cannot have meant. */
const FAULT = 'P0001';

describe('a database that fails inside a call of a connector', () => {
  it('leaves the run to be taken up again, and the school is not blamed', async () => {
    const { failing, sync, lastRun, state } = await school();
    const error = await failing(AWAY, () => caught(sync(STUDENT)));
    expect(error).to.include({ code: 'unavailable' });
    expect(error.message).to.match(/^The database has no room/);
    expect(await state()).to.deep.equal({ status: 'ACTIVE', lastError: null });
    await until(async () => (await lastRun())?.status === 'COMPLETED');
    expect((await lastRun())?.attempt).to.be.greaterThan(1);
  });

  it('fails the run as a fault of the service, where that is what it is', async () => {
    const { failing, sync, lastRun, state } = await school();
    const error = await failing(FAULT, () => caught(sync(STUDENT)));
    expect(error.message).to.contain('it fails');
    expect(await lastRun()).to.deep.include({
      status: 'FAILED',
      error: 'The service had an internal error; its log tells more.',
    });
    expect((await state()).lastError).to.equal('The last sync ended with an internal error of the service.');
  });

  for (const [what, code, shown] of [
    ['away', AWAY, /^The database has no room/],
    ['at fault', FAULT, /it fails/],
  ] as const) {
    it(`leaves marks queued when it is ${what}, and none is counted as refused by the school`, async () => {
      const given = await school();
      const { failing, sync, integrationId, integrationService, moodle } = given;
      await sync();
      const [student] = makeMoodleSchool({ courses: 1, students: 4 }).users.filter(({ username }) =>
        username.startsWith('s'),
      );
      const session = await newSession(given, { course: '2' }, { [String(student?.id)]: 'PRESENT' });
      const error = await failing(code, () =>
        caught(integrationService.sendAttendance(integrationId, session.id)),
      );
      expect(error.message).to.match(shown);
      const deliveries = async () =>
        (await integrationService.listDeliveries(integrationId, { sessionId: session.id })).items;
      expect((await deliveries()).map(({ status }) => status)).to.deep.equal(['QUEUED']);
      expect(await integrationService.sendAttendance(integrationId, session.id)).to.deep.include({
        success: true,
      });
      expect(moodle.sessions.size).to.equal(1);
    });
  }
});
