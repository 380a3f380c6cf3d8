import {
  fromAttendanceRecordMessage,
  fromClassSessionMessage,
  toAttendanceRecordMessage,
  toClassSessionMessage,
} from './convert/roster-messages.js';
import type { RosterRpcs, RpcParts } from './rpc-types.js';

/** Class sessions and the marks of their students. */
export function classSessions({ rosterService }: Pick<RpcParts, 'rosterService'>) {
  return {
    async putClassSession({ session }) {
      if (!session) throw new Error('a request without a session passed validation');
      const stored = await rosterService.putClassSession(fromClassSessionMessage(session));
      return { session: toClassSessionMessage(stored) };
    },

    async getClassSession({ institutionId, id }) {
      const { session, records } = await rosterService.getClassSession(institutionId, id);
      return { session: toClassSessionMessage(session), records: records.map(toAttendanceRecordMessage) };
    },

    async closeClassSession({ institutionId, id }) {
      const { session, integrationIds } = await rosterService.closeClassSession(institutionId, id);
      return { session: toClassSessionMessage(session), integrationIds };
    },

    async recordAttendance({ institutionId, sessionId, records, close }) {
      return rosterService.recordAttendance(
        institutionId,
        sessionId,
        records.map(fromAttendanceRecordMessage),
        { close },
      );
    },
  } satisfies Partial<RosterRpcs>;
}
