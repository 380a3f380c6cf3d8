import { expect } from 'chai';
import { z } from 'zod';
import type { ConnectorFactory, DeliveryOutcome } from '../../src/connectors/index.js';
import type { ConnectorContext } from '../../src/connectors/sis-connector.js';
import { ConnectorSessions } from '../../src/integrations/connector-session.js';
import { createLogger } from '../../src/observability/index.js';

const STUDENT = 'aaaaaaaa-1234-4aaa-8aaa-aaaaaaaaaaaa';
const TARGET = { id: 'i', institutionId: 'n', provider: 'X', config: {}, credentials: 'sealed' };

/** A school that says this of each mark that it is sent. */
function sessionsOf(outcome: DeliveryOutcome): ConnectorSessions {
  const definition = {
    config: z.object({}),
    credentials: z.object({ institutionCode: z.string() }),
    create: (context: ConnectorContext) => ({
      connect: async () => true,
      sendAttendance: async () => {
        await context.delivered([outcome]);
        return { success: true, sent: 1, errors: [] };
      },
      disconnect: async () => {},
    }),
  };
  return new ConnectorSessions({
    factory: { definition: () => definition } as unknown as ConnectorFactory,
    vault: { open: () => ({ institutionCode: '1234' }) },
    memoryOf: () => ({ recall: async () => new Map(), remember: async () => {} }),
    logger: createLogger({ level: 'silent' }),
  } as unknown as ConstructorParameters<typeof ConnectorSessions>[0]);
}

describe('what a connector says of a mark', () => {
  it('keeps the id of its student, though a short credential stands in it, and loses the credential elsewhere', async () => {
    const told: DeliveryOutcome[] = [];
    const sessions = sessionsOf({ studentId: STUDENT, status: 'FAILED', reason: 'code 1234 is unknown' });
    await sessions.run(TARGET, (connector) => connector.sendAttendance('s', {} as never), {
      delivered: async (outcomes) => void told.push(...outcomes),
    });
    expect(told).to.deep.equal([{ studentId: STUDENT, status: 'FAILED', reason: 'code *** is unknown' }]);
  });
});
