import assert from 'node:assert/strict';
import { z } from 'zod';
import type { ConnectorDefinition } from '../connector-definition.js';
import { ConnectorError } from '../connector-error.js';
import { RosterConnector } from '../roster-connector.js';
import type { SISConnector } from '../sis-connector.js';
import type { ConformanceCase } from './conformance-case.js';
import { faultCases } from './fault-cases.js';
import { type KitSession, withSession } from './kit-session.js';
import { assertWhole } from './reading-checks.js';
import type { Simulate, Simulation } from './simulation.js';
import { singleCases } from './single-cases.js';

export interface ConformanceOptions {
  definition: ConnectorDefinition;
  /** Makes a new simulated system; called twice for most cases. */
  simulate: Simulate;
  /** Whether the system is on the network: its faults are played then. Default true. */
  network?: boolean;
}

/**
 * All that must hold for a connector, as cases for any test runner: `for (const { name, run } of cases)
 * it(name, run)`. Cases that the simulation cannot play are left out.
 */
export async function conformanceCases({
  definition,
  simulate,
  network = true,
}: ConformanceOptions): Promise<ConformanceCase[]> {
  const can = await simulate();
  await can.close?.();
  const within = (work: (session: KitSession) => Promise<void>) => () =>
    withSession(definition, simulate, work);
  return [
    {
      name: 'takes its settings, and refuses those that cannot be',
      run: within(async (session) => checkSchemas(definition, session)),
    },
    { name: 'connects, tests and disconnects', run: within(checkLife) },
    { name: 'disconnects twice, and without having connected', run: within(checkDisconnect) },
    ...definition.capabilities.entityTypes
      .filter((type) => can.expected[type])
      .map((entityType) => ({
        name: `reads every ${entityType} to the last, each once`,
        run: within(async (session) => {
          const { length } = session.simulation.expected[entityType] ?? [];
          assert.ok(length > 1, `the simulation needs several ${entityType} to tell; it expects ${length}`);
          // Twice: what a connection keeps must not be in the way of the next.
          for (let reading = 1; reading <= 2; reading += 1)
            assertWhole(session.simulation, entityType, await session.read(entityType));
        }),
      })),
    {
      name: 'does what its capabilities say',
      run: within(async (session) => checkCapabilities(definition, session)),
    },
    ...singleCases(definition, can, within, { network }),
    ...(definition.capabilities.sendsAttendance && can.sheet ? sendingCases(within) : []),
    ...(network ? faultCases(definition, simulate, can) : []),
  ];
}

function checkSchemas({ config, credentials }: ConnectorDefinition, { simulation, url }: KitSession): void {
  const good = simulation.settings(url, 10_000);
  config.parse(good.config);
  credentials.parse(good.credentials);
  for (const schema of [config, credentials]) {
    const json = z.toJSONSchema(schema, { io: 'input' }) as { type?: string };
    assert.equal(json.type, 'object', 'settings are objects');
  }
  assert.ok(simulation.refused.length > 0, 'the simulation names no settings that must be refused');
  // Messages show addresses, and anybody may read the settings.
  const withPassword = Object.entries(good.config)
    .filter(([, value]) => typeof value === 'string' && /^https?:/.test(value))
    .map(([name, value]) => ({
      config: { [name]: String(value).replace('://', '://ana:secret@') },
      credentials: {},
    }));
  for (const wrong of [...simulation.refused, ...withPassword]) {
    const parts = {
      config: { ...good.config, ...wrong.config },
      credentials: { ...good.credentials, ...wrong.credentials },
    };
    const taken = config.safeParse(parts.config).success && credentials.safeParse(parts.credentials).success;
    assert.ok(!taken, `these settings were taken: ${JSON.stringify(wrong)}`);
  }
}

/** What is declared must be there, and what is there must be declared: a sync believes the declaration. */
function checkCapabilities(
  { capabilities, capabilitiesWith }: ConnectorDefinition,
  session: KitSession,
): void {
  const { connector, config } = session.create();
  if (!(connector instanceof RosterConnector)) return;
  const { sendsAttendance, readsOne = [] } = capabilitiesWith?.(config) ?? capabilities;
  assert.ok(
    readsOne.length === 0 || connector.one,
    'it declares readsOne, and has no method one: write it, or declare none',
  );
  assert.ok(
    (capabilities.readsOne ?? []).length > 0 || !connector.one,
    'it has a method one, and declares no readsOne: nobody will ever call it',
  );
  assert.ok(
    !sendsAttendance || connector.send,
    'it declares sendsAttendance, and has no method send: write one, or declare "sendsAttendance: false"',
  );
  assert.ok(
    capabilities.sendsAttendance || !connector.send,
    'it has a method send, and declares "sendsAttendance: false": nobody will ever call it',
  );
}

async function checkLife(session: KitSession): Promise<void> {
  const report = await session.connected((connector) => connector.testConnection());
  const { success, message, checks = [] } = typeof report === 'boolean' ? { success: report } : report;
  assert.ok(success, message ?? 'the connection test fails');
  for (const check of checks) assert.ok(check.name && check.message, 'a check needs a name and a sentence');
}

async function checkDisconnect(session: KitSession): Promise<void> {
  const { connector, config, credentials } = session.create();
  await connector.disconnect();
  await connector.connect(config, credentials);
  await connector.disconnect();
  await connector.disconnect();
}

function sendingCases(
  within: (work: (session: KitSession) => Promise<void>) => () => Promise<void>,
): ConformanceCase[] {
  const run = (
    work: (session: KitSession, send: () => ReturnType<SISConnector['sendAttendance']>) => Promise<void>,
  ) =>
    within(async (session) => {
      const sheet = requireSheet(session.simulation);
      await work(session, () =>
        session.connected((connector) => connector.sendAttendance(sheet.sessionId, sheet)),
      );
    });
  return [
    {
      name: 'sends a session, and says what became of each mark',
      run: run(async (session, send) => {
        const { rows } = requireSheet(session.simulation);
        const { success, sent, errors } = await send();
        assert.deepEqual({ success, sent, errors }, { success: true, sent: rows.length, errors: [] });
        const told = session.outcomes
          .filter(({ status }) => status !== 'FAILED')
          .map(({ studentId }) => studentId);
        if (told.length > 0) assert.deepEqual(told.sort(), rows.map(({ studentId }) => studentId).sort());
        assert.equal(await session.simulation.countMarks?.(), rows.length);
      }),
    },
    {
      name: 'sends a session twice, and leaves each mark once',
      run: run(async (session, send) => {
        await send();
        await send();
        assert.equal(await session.simulation.countMarks?.(), requireSheet(session.simulation).rows.length);
      }),
    },
    {
      name: 'sends again what did not arrive, and leaves each mark once',
      run: run(async (session, send) => {
        session.server.faultOf = () => ({ kind: 'status', status: 500 });
        const first = await send().catch((error: unknown) => {
          assert.ok(error instanceof ConnectorError, `it should be a ConnectorError: ${error}`);
        });
        if (session.server.requests > 0) assert.ok(!first?.success, 'nothing can have arrived');
        session.server.faultOf = () => undefined;
        assert.ok((await send()).success, 'the second time all is well');
        assert.equal(await session.simulation.countMarks?.(), requireSheet(session.simulation).rows.length);
      }),
    },
  ];
}

function requireSheet(simulation: Simulation) {
  const sheet = simulation.sheet?.();
  assert.ok(sheet && sheet.rows.length > 1, 'the simulation needs a sheet with several marks');
  return sheet;
}
