import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import type { AttendanceFailed } from '../../src/events/event-types.js';
import { doubtedSchool } from '../support/doubted-school.js';
import { giveUp } from '../support/send-orders.js';
import { newSchool, newSession, sharedServices } from '../support/services.js';

const WHY =
  /^student Soto, Ana \(.*\) has the id "E1", which the school may have given to somebody else; decide about the conflict of "E1" first$/;

/** What the events say of the sessions of an institution that failed. */
async function failures(institutionId: string): Promise<AttendanceFailed[]> {
  const { eventService } = await sharedServices();
  const { items } = await eventService.listEvents(institutionId, { types: ['attendance.failed'] });
  return items.map(({ data }) => data as AttendanceFailed);
}

describe('a mark that is withheld', () => {
  it('is counted by the report, and is a delivery that says why it waits', async () => {
    const { send, states, decide } = await doubtedSchool();
    for (const _ of [1, 2]) {
      const { success, withheld = [], errors } = await send();
      expect({ success, errors }).to.deep.equal({
        success: false,
        errors: withheld.map(({ reason }) => reason),
      });
      expect(withheld).to.have.length(1);
      expect(await states()).to.deep.equal(['E1 v1 ABSENT WITHHELD 0', 'E2 v1 PRESENT TAKEN 1']);
    }
    await decide('LINK');
    expect(await send())
      .to.deep.include({ success: true, sent: 1 })
      .and.not.to.have.property('withheld');
    expect(await states()).to.deep.equal(['E1 v1 ABSENT TAKEN 1', 'E2 v1 PRESENT TAKEN 1']);
  });

  it('and corrected is one of the next version, and the one before is withdrawn', async () => {
    const { send, states, decide, session } = await doubtedSchool();
    await send();
    await session.mark({ E1: 'LATE' });
    await send();
    const waits = ['E1 v1 ABSENT WITHDRAWN 0', 'E1 v2 LATE WITHHELD 0', 'E2 v1 PRESENT TAKEN 1'];
    expect(await states()).to.deep.equal(waits);
    await decide('IGNORE');
    await send();
    expect(await states()).to.include('E1 v2 LATE TAKEN 1');
  });

  it('that the school has already, as it is, is not missing there', async () => {
    const { send, states } = await doubtedSchool({ isSentBefore: true });
    expect(await send()).to.deep.equal({ success: true, sent: 0, confirmed: 0, unchanged: 2, errors: [] });
    expect(await states()).to.deep.equal(['E1 v1 ABSENT TAKEN 1', 'E2 v1 PRESENT TAKEN 1']);
  });

  it('is told of with its student and the reason when a call leaves it unsent', async () => {
    const { institutionId, integrationId, session, send } = await doubtedSchool();
    const { withheld } = await send();
    const [told, ...more] = await failures(institutionId);
    expect(more).to.deep.equal([]);
    expect(told).to.deep.equal({
      integrationId,
      sessionId: session.id,
      failed: 0,
      failures: [],
      withheld: 1,
      withheldMarks: withheld,
    });
    expect(told?.withheldMarks?.[0]?.reason).to.match(WHY);
  });

  it('of a closed session is told of when that is given up, not before', async () => {
    const made = await doubtedSchool();
    await made.close();
    await giveUp(made);
    const [told, ...more] = await failures(made.institutionId);
    expect(more).to.deep.equal([]);
    expect(told).to.deep.include({ failed: 0, withheld: 1 }).and.to.have.property('givenUp');
    expect(told?.withheldMarks?.[0]?.reason).to.match(WHY);
  });

  it('for want of an id is counted and named as well, of many the first hundred', async () => {
    const { integrationService, rosterService } = await sharedServices();
    const school = await newSchool({
      'courses.csv': 'id;name\nC1;Ciencias\n',
    });
    await integrationService.syncData(school.integrationId, 'COURSE' as never);
    const session = await newSession(school, { course: 'C1' }, {});
    const none = { arrivalTime: null, permanencePercentage: null, origin: null, source: null, remarks: null };
    const ids = Array.from({ length: 101 }, () => randomUUID());
    for (const id of ids) await rosterService.putStudent(school.institutionId, id, { givenName: 'Ana' });
    await rosterService.recordAttendance(
      school.institutionId,
      session.id,
      ids.map((studentId) => ({ ...none, studentId, status: 'LATE' as const })),
    );
    const { withheld } = await integrationService.sendAttendance(school.integrationId, session.id);
    expect(withheld).to.have.length(101);
    const [told] = await failures(school.institutionId);
    expect(told).to.deep.include({ failed: 0, withheld: 101 });
    expect(told?.withheldMarks).to.have.length(100);
    expect(told?.withheldMarks?.[0]?.reason).to.match(/has no mapping in this integration/);
  });
});
