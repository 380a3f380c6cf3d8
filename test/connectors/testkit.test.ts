import { expect } from 'chai';
import { AcmeConnector, acme } from '../../examples/acme/acme-connector.js';
import { AcmeSystem } from '../../examples/acme/acme-system.js';
import type { ConnectorDefinition } from '../../src/connectors/index.js';
import { conformanceCases, type Simulation } from '../../src/connectors/testkit/index.js';
import { sheetOf } from '../support/sheet.js';

/** Runs the whole kit over Acme with something changed; returns the names of the cases that fail. */
async function failing(
  change: Partial<ConnectorDefinition>,
  arrange: (system: AcmeSystem) => Partial<Simulation> = () => ({}),
) {
  const simulate = (): Simulation => {
    const system = new AcmeSystem();
    return {
      handle: system.handle,
      settings: (url, timeout) => ({
        config: { apiUrl: url, timeout, pageSize: 5 },
        credentials: { apiKey: system.apiKey },
      }),
      expected: {
        STUDENT: system.lists.students.map(({ id }) => id),
        COURSE: system.lists.courses.map(({ id }) => id),
      },
      refused: [{ config: { apiUrl: 'nowhere' } }],
      expireCredentials: () => {
        system.keyExpired = true;
      },
      sheet: () => sheetOf(['S1', 'S2'], 'C1', 'G1'),
      countMarks: () => [...system.sessions.values()].reduce((sum, marks) => sum + marks.size, 0),
      ...arrange(system),
    };
  };
  const cases = await conformanceCases({ definition: { ...acme, ...change }, simulate });
  const results = cases.map(({ name, run }) =>
    run().then(
      () => [],
      () => [name],
    ),
  );
  return (await Promise.all(results)).flat();
}

describe('the conformance kit', () => {
  it('finds nothing in a connector that is right', async () => {
    expect(await failing({})).to.deep.equal([]);
  });

  it('finds a connector that takes a failure for the end of the list', async () => {
    class Careless extends AcmeConnector {
      override async *students() {
        try {
          yield* super.students();
        } catch {
          // As if nothing had happened.
        }
      }
    }
    const names = await failing({ create: (context) => new Careless(context) });
    expect(names).to.include.members([
      'gives up on 500 without end, with a sentence',
      'gives up on answers that always stall, with a sentence',
      'gives up on an answer of 50 MB, with a sentence',
      'stops with a sentence when its credentials expire',
      'is not deceived by a page that repeats',
    ]);
  });

  it('finds a connector that never repeats a call', async () => {
    const names = await failing({
      create: (context) =>
        new AcmeConnector({ ...context, http: (options) => context.http({ ...options, retries: 0 }) }),
    });
    expect(names.filter((name) => name.startsWith('bears'))).to.have.length(5);
  });

  it('finds a connector that leaves out the last page', async () => {
    class Short extends AcmeConnector {
      override async *students() {
        const pages = [];
        for await (const page of super.students()) pages.push(page);
        yield* pages.slice(0, -1);
      }
    }
    expect(await failing({ create: (context) => new Short(context) })).to.include(
      'reads every STUDENT to the last, each once',
    );
  });

  it('finds an error that holds a secret, and one that is no sentence', async () => {
    class Loud extends AcmeConnector {
      override async *students() {
        try {
          yield* super.students();
        } catch {
          throw new Error(`GET /students?key=${this.credentials.apiKey}`);
        }
      }
    }
    expect(await failing({ create: (context) => new Loud(context) })).to.include(
      'gives up on 429 without end, with a sentence',
    );
  });

  it('finds marks that are doubled by sending twice', async () => {
    const names = await failing({}, (system) => {
      let sent = 0;
      return {
        handle: (request, response) => {
          if (request.method === 'PUT') sent += 2;
          system.handle(request, response);
        },
        countMarks: () => sent,
      };
    });
    expect(names).to.include('sends a session twice, and leaves each mark once');
  });

  it('finds schemas that take anything', async () => {
    expect(await failing({ config: acme.config.catch({}) as typeof acme.config })).to.include(
      'takes its settings, and refuses those that cannot be',
    );
  });
});
