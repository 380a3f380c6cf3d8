import assert from 'node:assert/strict';
import type { ConnectorDefinition } from '../connector-definition.js';
import { ConnectorError } from '../connector-error.js';
import { MappingEntityType } from '../mapping-entity-type.js';
import type { ConformanceCase } from './conformance-case.js';
import type { Fault } from './fault-server.js';
import { type KitSession, withSession } from './kit-session.js';
import { assertWhole } from './reading-checks.js';
import type { Simulate, Simulation } from './simulation.js';

const { STUDENT } = MappingEntityType;
const RETRY_AFTER_S = 1;
/** For a fault that lasts: no connector may be at it for longer. */
const MOST_REQUESTS = 60;
/** Of a connector that is to meet a stalled answer. */
const SHORT_MS = 300;

/**
 * What every connector of a system on the network must bear. A fault comes in the middle of the reading of
 * students.
 */
export function faultCases(
  definition: ConnectorDefinition,
  simulate: Simulate,
  can: Simulation,
): ConformanceCase[] {
  const passing: [name: string, faults: Fault[]][] = [
    [
      '429 with Retry-After',
      [{ kind: 'status', status: 429, headers: { 'Retry-After': String(RETRY_AFTER_S) } }],
    ],
    ['429 without Retry-After', [{ kind: 'status', status: 429 }]],
    [
      'a burst of 500',
      [
        { kind: 'status', status: 500 },
        { kind: 'status', status: 500 },
      ],
    ],
    ['a connection that is cut', [{ kind: 'cut' }]],
    ['an answer that stalls', [{ kind: 'stall' }]],
  ];
  const lasting: [name: string, fault: Fault][] = [
    ['429 without end', { kind: 'status', status: 429 }],
    ['429 that asks for a day', { kind: 'status', status: 429, headers: { 'Retry-After': '86400' } }],
    ['500 without end', { kind: 'status', status: 500 }],
    ['a connection that is always cut', { kind: 'cut' }],
    ['answers that always stall', { kind: 'stall' }],
    ['a page of another content type', { kind: 'html' }],
    ['an answer of 50 MB', { kind: 'flood' }],
  ];
  const within = (work: (session: KitSession, middle: number) => Promise<void>) => async () => {
    const middle = await countRequests(definition, simulate);
    await withSession(definition, simulate, (session) => work(session, middle), SHORT_MS);
  };
  /** A fault that the simulation itself plays, where it can; it comes when the middle request does. */
  const played = (
    name: string,
    fault: PlayedFault,
    check: (session: KitSession) => Promise<void>,
  ): ConformanceCase[] => {
    if (!can[fault]) return [];
    const run = within(async (session, middle) => {
      session.server.onRequest = (n) => {
        if (n === middle) session.simulation[fault]?.();
      };
      await check(session);
    });
    return [{ name, run }];
  };
  return [
    ...passing.map(([name, faults]) => ({
      name: `bears ${name}, and reads everything`,
      run: within(async (session, middle) => {
        const start = performance.now();
        session.server.faultOf = (n) => faults[n - middle];
        assertWhole(session.simulation, STUDENT, await session.read(STUDENT), { disturbed: true });
        if (!name.includes('with Retry-After')) return;
        const waited = performance.now() - start + session.waits.reduce((a, b) => a + b, 0);
        assert.ok(
          waited >= RETRY_AFTER_S * 1_000,
          `it waited ${waited} ms, and was asked to wait ${RETRY_AFTER_S} s`,
        );
      }),
    })),
    ...lasting.map(([name, fault]) => ({
      name: `gives up on ${name}, with a sentence`,
      run: within(async (session, middle) => {
        session.server.faultOf = (n) => (n >= middle ? fault : undefined);
        assertRefusal(session, await failureOf(session));
        const made = session.server.requests;
        assert.ok(made <= middle + MOST_REQUESTS, `it made ${made} requests`);
      }),
    })),
    {
      name: 'is not deceived by a page that repeats',
      run: within(async (session, middle) => {
        session.server.faultOf = (n) => (n === middle ? { kind: 'repeat' } : undefined);
        await assertWholeOrRefused(session);
      }),
    },
    {
      name: 'comes to an end when every page is the same',
      run: within(async (session, middle) => {
        session.server.faultOf = (n) => (n >= middle ? { kind: 'repeat' } : undefined);
        await assertWholeOrRefused(session);
      }),
    },
    ...played('is not deceived by a list that shrinks', 'shrink', async (session) => {
      const reading = await session.read(STUDENT).catch((error: unknown) => assertRefusal(session, error));
      if (!reading) return;
      const { ids } = reading;
      assert.equal(new Set(ids).size, ids.length, 'an id came twice');
      const expected = new Set(session.simulation.expected.STUDENT);
      for (const id of ids) assert.ok(expected.has(id), `${id} is not in the system`);
    }),
    ...played('takes a failure under a status of success for a failure', 'failSoftly', async (session) => {
      assertRefusal(session, await failureOf(session));
    }),
    ...played(
      'goes on when its token expires in the middle, and reads everything',
      'expireToken',
      async (session) => {
        const reading = await session.read(STUDENT).catch((error: unknown) => {
          assert.fail(
            `it gave up although its credentials are good: get a new token after a refusal, and repeat the call ("${error instanceof Error ? error.message : error}")`,
          );
        });
        assertWhole(session.simulation, STUDENT, reading);
      },
    ),
    ...played('stops with a sentence when its credentials expire', 'expireCredentials', async (session) => {
      assertRefusal(session, await failureOf(session));
    }),
    {
      name: 'ends soon after it is told to stop',
      run: within(async (session, middle) => {
        session.server.onRequest = (n) => {
          if (n === middle) session.abort();
        };
        await assert.rejects(session.read(STUDENT));
        const made = session.server.requests;
        assert.ok(made <= middle + 8, `it made ${made - middle} more requests`);
      }),
    },
  ];
}

type PlayedFault = 'shrink' | 'failSoftly' | 'expireToken' | 'expireCredentials';

/** The request in the middle of what an undisturbed reading of students takes. */
async function countRequests(definition: ConnectorDefinition, simulate: Simulate): Promise<number> {
  return withSession(definition, simulate, async (session) => {
    await session.read(STUDENT);
    return Math.ceil((session.server.requests + 1) / 2);
  });
}

async function assertWholeOrRefused(session: KitSession): Promise<void> {
  const reading = await session.read(STUDENT).catch((error: unknown) => assertRefusal(session, error));
  if (reading) assertWhole(session.simulation, STUDENT, reading, { disturbed: true });
}

async function failureOf(session: KitSession): Promise<unknown> {
  const read = await session.read(STUDENT).then(
    ({ ids }) => ids.length,
    (error: unknown) => ({ error }),
  );
  if (typeof read === 'number') assert.fail(`it read ${read} students as if nothing had happened`);
  return read.error;
}

/** A failure is a sentence for the school's administrator, and holds no secret. */
export function assertRefusal({ simulation, url }: KitSession, error: unknown): undefined {
  assert.ok(
    error instanceof ConnectorError,
    `it should be a ConnectorError: ${error instanceof Error ? error.stack : error}`,
  );
  assert.match(error.message, /\S \S.*[.?]$/s, `it should be a sentence: "${error.message}"`);
  for (const secret of Object.values(simulation.settings(url, SHORT_MS).credentials)) {
    assert.ok(secret.length < 4 || !error.message.includes(secret), `it holds a secret: "${error.message}"`);
  }
  return undefined;
}
