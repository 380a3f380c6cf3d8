import type { SendReport } from '../attendance/index.js';
import type { Logger } from '../observability/index.js';

/** Sends the attendance of a session to an integration. */
type Send = (integrationId: string, sessionId: string) => Promise<SendReport>;

/**
 * The same, with a line in the log of each sending by which marks did not arrive: nobody waits for the answer
 * of those that begin by themselves. Why they did not names students, and is no matter of a log: deliveries tell it, and sending the session again.
 */
export function logSending(logger: Logger, send: Send): Send {
  return async (integrationId, sessionId) => {
    const report = await send(integrationId, sessionId);
    const { success, sent, confirmed, unchanged, errors } = report;
    if (!success) {
      const counts = { sent, confirmed, unchanged, errors: errors.length };
      logger.warn({ integrationId, sessionId, ...counts }, 'marks did not arrive');
    }
    return report;
  };
}
