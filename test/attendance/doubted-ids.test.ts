import { expect } from 'chai';
import { MappingEntityType } from '../../src/connectors/index.js';
import { newSchool, newSession, sharedServices } from '../support/services.js';

const { COURSE, STUDENT } = MappingEntityType;
const HEADER = 'id;rut;given_name;family_name';
const ANA = 'E1;12345678-5;Ana;Soto';
const PEDRO = 'E1;7654321-6;Pedro;Rojas';
const LUZ = 'E2;20347878-K;Luz;Paz';
const csv = (...rows: string[]) => ({ 'students.csv': [HEADER, ...rows].join('\n') });

/** A school that gave the id of Ana, who has left, to Pedro, and a session in which both ids have a mark. */
async function doubted() {
  const { integrationService, rosterService } = await sharedServices();
  const school = await newSchool({ 'courses.csv': 'id;name\nC1;Ciencias\n', ...csv(ANA, LUZ) });
  const { integrationId } = school;
  await integrationService.syncData(integrationId, COURSE);
  await integrationService.syncData(integrationId, STUDENT);
  const session = await newSession(school, { course: 'C1' }, { E1: 'ABSENT', E2: 'PRESENT' });
  await school.write(csv(PEDRO, LUZ));
  const sync = () => integrationService.syncData(integrationId, STUDENT);
  expect((await sync()).counts).to.include({ conflicts: 1 });
  return {
    ...school,
    session,
    sync,
    preview: () => integrationService.previewSync(integrationId, STUDENT),
    conflicts: async () => (await integrationService.listConflicts(integrationId)).items,
    rosterService,
    send: () => integrationService.sendAttendance(integrationId, session.id),
    sent: async () => {
      const { items } = await integrationService.listDeliveries(integrationId, { sessionId: session.id });
      return items.map(({ externalId, mark }) => `${externalId} ${mark}`).sort();
    },
    decide: async (resolution: 'CREATE' | 'LINK' | 'IGNORE') => {
      const { items } = await integrationService.listConflicts(integrationId);
      const [conflict] = items;
      const ana = conflict?.candidates[0]?.internalId;
      await integrationService.resolveConflict(
        integrationId,
        conflict?.id as string,
        resolution,
        resolution === 'LINK' ? ana : undefined,
      );
    },
  };
}

describe('a mark of a student whose id the school may have given to somebody else', () => {
  it('is not sent while a person is to decide, and the error says what to decide; the others are sent', async () => {
    const { send, sent } = await doubted();
    for (const unchanged of [0, 1]) {
      const report = await send();
      expect(report).to.deep.include({ success: false, sent: 1 - unchanged, unchanged });
      expect(report.errors).to.have.length(1);
      expect(report.errors[0]).to.match(
        /^student Soto, Ana \(.*\) has the id "E1", which the school may have given to somebody else; decide about the conflict of "E1" first$/,
      );
      expect(await sent()).to.deep.equal(['E2 PRESENT']);
    }
  });

  it('goes out with the next sending once it is decided that it is the same student', async () => {
    const { send, sent, decide } = await doubted();
    await send();
    await decide('LINK');
    expect(await send()).to.deep.include({ success: true, sent: 1, errors: [] });
    expect(await sent()).to.deep.equal(['E1 ABSENT', 'E2 PRESENT']);
  });

  it('goes out with the next sending once it is decided that the row of the school is to be ignored', async () => {
    const { send, decide, sync } = await doubted();
    await send();
    await decide('IGNORE');
    await sync();
    expect(await send()).to.deep.include({ success: true, sent: 1 });
  });

  it('goes to nobody once it is decided that the id is somebody else, whose own marks are sent', async () => {
    const { send, sent, decide, sync, session } = await doubted();
    await decide('CREATE');
    await sync();
    await session.mark({ E1: 'PRESENT' });
    const report = await send();
    expect(report).to.deep.include({ success: false, sent: 2 });
    expect(report.errors[0]).to.match(/^student Soto, Ana \(.*\) has no mapping in this integration/);
    expect(await sent()).to.deep.equal(['E1 PRESENT', 'E2 PRESENT']);
  });

  it('goes out again as soon as the row is again that of the student', async () => {
    const { send, write, sync } = await doubted();
    await send();
    await write(csv(ANA, LUZ));
    await sync();
    expect(await send()).to.deep.include({ success: true, sent: 1 });
  });

  const readings = {
    'lacks the row': csv(LUZ),
    'cannot read the row': csv('E1;7654321-6;Pedro', LUZ),
  };
  for (const [what, files] of Object.entries(readings)) {
    for (const how of ['runs', 'is previewed'] as const) {
      it(`is not sent after a reading that ${what} ${how}: that tells nothing of whose the id is`, async () => {
        const { send, sent, sync, write, preview } = await doubted();
        await write(files);
        await (how === 'runs' ? sync() : preview());
        expect(await send()).to.deep.include({ success: false, sent: 1 });
        expect(await sent()).to.deep.equal(['E2 PRESENT']);
      });
    }
  }

  it('nor is what a person said to ignore of the id forgotten by a reading that lacks the row', async () => {
    const { sync, write, decide, conflicts } = await doubted();
    await decide('IGNORE');
    await write(csv(LUZ));
    await sync();
    await write(csv(PEDRO, LUZ));
    await sync();
    expect(await conflicts()).to.deep.equal([]);
  });
});
