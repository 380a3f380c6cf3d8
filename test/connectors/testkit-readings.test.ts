import { expect } from 'chai';
import {
  type ConnectorContext,
  ConnectorError,
  MappingEntityType,
  type RecordPage,
  type RosterConnector,
  wholePage,
} from '../../src/connectors/index.js';
import { oneRoster } from '../../src/connectors/oneroster/index.js';
import { conformanceCases, type Simulation } from '../../src/connectors/testkit/index.js';
import { makeOneRosterSchool, OneRosterSimulator } from '../support/oneroster/index.js';

const { COURSE, STUDENT } = MappingEntityType;
type Change = (connector: RosterConnector<unknown, unknown>) => void;

function simulate(): Simulation {
  const school = makeOneRosterSchool({ students: 6, courses: 2, teachers: 2 });
  Object.assign(school.users[0] as object, { enabledUser: false });
  const simulator = new OneRosterSimulator('1.2', school);
  return {
    handle: simulator.handle,
    settings: (url, timeout) => {
      const { config, credentials } = simulator.settings(url);
      return { config: { ...config, pageSize: 2, timeout }, credentials };
    },
    expected: { STUDENT: ['S1', 'S2', 'S3', 'S4', 'S5', 'S6'], COURSE: ['C1', 'C2'] },
    expectedMemberships: {
      STUDENT: ['G1', 'G2'].flatMap((group) => [1, 2, 3, 4, 5, 6].map((n) => [group, `S${n}`] as const)),
    },
    inactive: { STUDENT: ['S1'], COURSE: [] },
    declaresTotals: [STUDENT, COURSE],
    refused: [{ config: { apiUrl: 'nowhere' } }],
    expireToken: () => simulator.expireTokens(),
  };
}

/** What the kit says of OneRoster with something changed: name of a case -> its failure. */
async function failures(
  change: Change,
  context: (given: ConnectorContext) => ConnectorContext = (given) => given,
) {
  const definition = {
    ...oneRoster,
    create: (given: ConnectorContext) => {
      const connector = oneRoster.create(context(given)) as RosterConnector<unknown, unknown>;
      change(connector);
      return connector;
    },
  };
  const cases = (await conformanceCases({ definition, simulate })).filter(({ name }) =>
    /^(reads|does|goes on)/.test(name),
  );
  const found: Record<string, string> = {};
  for (const { name, run } of cases) await run().catch((error: Error) => (found[name] = error.message));
  return found;
}

/** Changes the pages of a reader. */
function pages(
  connector: RosterConnector<unknown, unknown>,
  reader: 'students' | 'courses',
  convert: (page: RecordPage<never>) => RecordPage<never>,
): void {
  const read = (connector[reader] as () => AsyncIterable<never>).bind(connector);
  Object.assign(connector, {
    async *[reader]() {
      for await (const page of read()) yield convert(wholePage<never>(page));
    },
  });
}

const READS = 'reads every STUDENT to the last, each once';

describe('the conformance kit, of a connector that', () => {
  it('is right, finds nothing', async () => {
    expect(await failures(() => {})).to.deep.equal({});
  });

  it('loses memberships, says which and where they belong', async () => {
    const found = await failures((connector) => {
      connector.memberships = async function* () {};
    });
    expect(found[READS]).to.contain('12 missing (STUDENT S1 in G1,').and.contain(`memberships('STUDENT')`);
  });

  it('gives a membership twice, says so', async () => {
    const found = await failures((connector) => {
      const read = connector.memberships?.bind(connector);
      connector.memberships = async function* (role) {
        yield* read?.(role) ?? [];
        yield [{ groupExternalId: 'G1', personExternalId: 'S1', role }];
      };
    });
    expect(found[READS]).to.contain('1 too many or twice (STUDENT S1 in G1)');
  });

  it('takes inactive people for active ones, says what to set', async () => {
    const found = await failures((connector) =>
      pages(connector, 'students', (page) => ({
        ...page,
        records: page.records.map((record) => ({ ...(record as object), active: true }) as never),
      })),
    );
    expect(found[READS]).to.contain('1 missing (S1) of inactive STUDENT: set "active: false"');
  });

  it('takes active people for inactive ones, says so', async () => {
    const found = await failures((connector) =>
      pages(connector, 'students', (page) => ({
        ...page,
        records: page.records.map((record) => ({ ...(record as object), active: false }) as never),
      })),
    );
    expect(found[READS]).to.contain('5 too many or twice');
  });

  it('does not hand on the total of the system, says where it goes', async () => {
    const found = await failures((connector) =>
      pages(connector, 'courses', ({ declaredTotal: _, ...page }) => page),
    );
    expect(found['reads every COURSE to the last, each once']).to.contain(
      'put that number into "declaredTotal"',
    );
  });

  it('declares more than it gives, says what to leave out', async () => {
    const found = await failures((connector) =>
      pages(connector, 'courses', (page) => ({ ...page, declaredTotal: 99 })),
    );
    expect(found['reads every COURSE to the last, each once']).to.contain('is 99, and 2 rows came');
  });

  it('says of every reading that it is partial, says what follows', async () => {
    const found = await failures((connector) =>
      pages(connector, 'courses', (page) => ({ ...page, partial: true })),
    );
    expect(found['reads every COURSE to the last, each once']).to.contain(
      'nobody could ever be taken for gone',
    );
  });

  it('gives up when its token expires although its credentials are good, says what to do', async () => {
    const found = await failures(
      () => {},
      (given) => {
        let tokens = 0;
        const http: ConnectorContext['http'] = (options) => {
          const client = given.http(options);
          const send = client.send.bind(client);
          client.send = async (request) => {
            if (request.name === 'the token' && ++tokens > 1)
              throw new ConnectorError('There is but one token.');
            return send(request);
          };
          return client;
        };
        return { ...given, http };
      },
    );
    expect(found).to.have.all.keys('goes on when its token expires in the middle, and reads everything');
    expect(Object.values(found)[0])
      .to.contain('get a new token after a refusal')
      .and.contain('but one token');
  });

  it('declares attendance and cannot send, or can and does not say so, says which', async () => {
    const declared = await failures((connector) => {
      connector.send = async () => ({ success: true, sent: 0, errors: [] });
    });
    expect(declared['does what its capabilities say']).to.contain('nobody will ever call it');
    const cases = await conformanceCases({
      definition: { ...oneRoster, capabilities: { ...oneRoster.capabilities, sendsAttendance: true } },
      simulate,
    });
    const error = await cases
      .find(({ name }) => name === 'does what its capabilities say')
      ?.run()
      .catch((thrown: Error) => thrown);
    expect((error as Error).message).to.contain('write one, or declare "sendsAttendance: false"');
  });
});
