import { expect } from 'chai';
import { ANA, doubtedSchool, LUZ, PEDRO, studentsCsv } from '../support/doubted-school.js';

describe('a mark of a student whose id the school may have given to somebody else', () => {
  it('is not sent while a person is to decide, and the error says what to decide; the others are sent', async () => {
    const { send, sent } = await doubtedSchool();
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
    const { send, sent, decide } = await doubtedSchool();
    await send();
    await decide('LINK');
    expect(await send()).to.deep.include({ success: true, sent: 1, errors: [] });
    expect(await sent()).to.deep.equal(['E1 ABSENT', 'E2 PRESENT']);
  });

  it('goes out with the next sending once it is decided that the row of the school is to be ignored', async () => {
    const { send, decide, sync } = await doubtedSchool();
    await send();
    await decide('IGNORE');
    await sync();
    expect(await send()).to.deep.include({ success: true, sent: 1 });
  });

  it('goes to nobody once it is decided that the id is somebody else, whose own marks are sent', async () => {
    const { send, sent, decide, sync, session } = await doubtedSchool();
    await decide('CREATE');
    await sync();
    await session.mark({ E1: 'PRESENT' });
    const report = await send();
    expect(report).to.deep.include({ success: false, sent: 2 });
    expect(report.errors[0]).to.match(/^student Soto, Ana \(.*\) has no mapping in this integration/);
    expect(await sent()).to.deep.equal(['E1 PRESENT', 'E2 PRESENT']);
  });

  it('goes out again as soon as the row is again that of the student', async () => {
    const { send, write, sync } = await doubtedSchool();
    await send();
    await write(studentsCsv(ANA, LUZ));
    await sync();
    expect(await send()).to.deep.include({ success: true, sent: 1 });
  });

  const readings = {
    'lacks the row': studentsCsv(LUZ),
    'cannot read the row': studentsCsv('E1;7654321-6;Pedro', LUZ),
  };
  for (const [what, files] of Object.entries(readings)) {
    for (const how of ['runs', 'is previewed'] as const) {
      it(`is not sent after a reading that ${what} ${how}: that tells nothing of whose the id is`, async () => {
        const { send, sent, sync, write, preview } = await doubtedSchool();
        await write(files);
        await (how === 'runs' ? sync() : preview());
        expect(await send()).to.deep.include({ success: false, sent: 1 });
        expect(await sent()).to.deep.equal(['E2 PRESENT']);
      });
    }
  }

  it('nor is what a person said to ignore of the id forgotten by a reading that lacks the row', async () => {
    const { sync, write, decide, conflicts } = await doubtedSchool();
    await decide('IGNORE');
    await write(studentsCsv(LUZ));
    await sync();
    await write(studentsCsv(PEDRO, LUZ));
    await sync();
    expect(await conflicts()).to.deep.equal([]);
  });
});
