import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { genericCsv } from '../../../src/connectors/generic-csv/index.js';
import type { AttendanceSheet, ConnectorContext } from '../../../src/connectors/index.js';
import { connectorContext } from '../../support/connector-context.js';
import { tempFolder } from '../../support/temp-folder.js';

const SHEET: AttendanceSheet = {
  sessionId: '00000000-0000-4000-8000-00000000000a',
  institutionId: '00000000-0000-4000-8000-000000000002',
  timeZone: 'America/Santiago',
  date: '2026-07-01',
  startsAt: new Date('2026-07-02T01:30:00Z'),
  endsAt: new Date('2026-07-02T02:15:00Z'),
  topic: undefined,
  group: { internalId: 'g', externalId: 'G1', name: '1º "A"' },
  course: undefined,
  teacher: { internalId: 't', externalId: 'P1', name: 'Paz Ñuñez' },
  rows: [],
  all: [
    row('E1', '=1+1', 'PRESENT'),
    row('E2', '-Ana', 'LATE'),
    row('E3', '@Pía', 'ABSENT'),
    row('E4', '\tEva', 'EXCUSED'),
  ],
};
Object.assign(SHEET, { rows: SHEET.all });

function row(externalId: string, givenName: string, status: 'PRESENT' | 'ABSENT' | 'LATE' | 'EXCUSED') {
  const none = { nationalId: undefined, code: undefined, arrivalTime: undefined, remarks: undefined };
  return {
    ...none,
    studentId: externalId,
    externalId,
    givenName,
    familyName: 'Soto',
    status,
    permanencePercentage: 50.5,
    origin: 'AI' as const,
    source: undefined,
  };
}

async function connected(config: object = { exportPath: 'out' }, changed: Partial<ConnectorContext> = {}) {
  const root = await tempFolder();
  await mkdir(join(root, 'in'));
  await mkdir(join(root, 'out'));
  const connector = genericCsv.create({ ...connectorContext(root), ...changed });
  await connector.connect(genericCsv.config.parse({ importPath: 'in', ...config }), {});
  return { root, connector };
}

describe('attendance as a CSV file', () => {
  it('is not written by a process that may not send any more', async () => {
    const assertMaySend = () => {
      throw new Error('taken over');
    };
    const { root, connector } = await connected({ exportPath: 'out' }, { assertMaySend });
    const error = await connector
      .sendAttendance(SHEET.sessionId, SHEET)
      .catch(({ message }: Error) => message);
    expect(error).to.equal('taken over');
    expect(await readdir(join(root, 'out'))).to.deep.equal([]);
  });

  it('is UTF-8 with a mark, in local time, and no cell is a formula', async () => {
    const { root, connector } = await connected();
    expect(await connector.sendAttendance(SHEET.sessionId, SHEET)).to.deep.equal({
      success: true,
      sent: 4,
      errors: [],
    });
    const text = await readFile(join(root, 'out', `attendance-2026-07-01-${SHEET.sessionId}.csv`), 'utf8');
    const lines = text.split('\r\n');
    expect(text.startsWith('\uFEFFsession_id,date,start_time')).to.equal(true);
    expect(lines[1]).to.equal(
      `${SHEET.sessionId},2026-07-01,21:30,22:15,G1,"1º ""A""",,,P1,E1,,,Soto,'=1+1,PRESENT,,50.5,AI,,`,
    );
    expect(lines[2]).to.contain(",'-Ana,LATE,");
    expect(lines[3]).to.contain(",'@Pía,ABSENT,");
    expect(lines[4]).to.contain(",'\tEva,EXCUSED,");
    expect(lines).to.have.length(6);
  });

  it('sent again replaces the file and leaves nothing beside it', async () => {
    const { root, connector } = await connected();
    await connector.sendAttendance(SHEET.sessionId, SHEET);
    await connector.sendAttendance(SHEET.sessionId, { ...SHEET, all: SHEET.all.slice(0, 1) });
    const names = await readdir(join(root, 'out'));
    expect(names).to.have.length(1);
    expect((await readFile(join(root, 'out', names[0] as string), 'utf8')).split('\r\n')).to.have.length(3);
  });

  it('that cannot be written is a sentence, and leaves nothing behind', async () => {
    const { root, connector } = await connected();
    const name = `attendance-2026-07-01-${SHEET.sessionId}.csv`;
    await mkdir(join(root, 'out', name));
    const error = await connector.sendAttendance(SHEET.sessionId, SHEET).catch((thrown: Error) => thrown);
    expect(error)
      .to.be.an('error')
      .with.property('message')
      .that.matches(/cannot be written/);
    expect(await readdir(join(root, 'out'))).to.deep.equal([name]);
  });

  it('goes into a folder that is made when it is first needed, inside the one that connectors may use', async () => {
    const { root, connector } = await connected({ exportPath: 'new/attendance' });
    await writeFile(join(root, 'in', 'students.csv'), 'id,nombres\n1,Ana\n');
    expect(await connector.testConnection()).to.deep.include({ success: true });
    expect(await readdir(root)).not.to.include('new');
    await connector.sendAttendance(SHEET.sessionId, SHEET);
    expect(await readdir(join(root, 'new', 'attendance'))).to.have.length(1);
  });

  it('never goes outside of that folder, and a connection test says so before', async () => {
    const outside = await tempFolder();
    for (const exportPath of ['../out', join(outside, 'x'), 'link/x']) {
      const { root, connector } = await connected({ exportPath });
      await symlink(outside, join(root, 'link'));
      await writeFile(join(root, 'in', 'students.csv'), 'id,nombres\n1,Ana\n');
      expect(await connector.testConnection()).to.deep.include({ success: false });
      const error = await connector.sendAttendance(SHEET.sessionId, SHEET).catch((thrown: Error) => thrown);
      expect(error)
        .to.be.an('error')
        .with.property('message')
        .that.matches(/lies outside/);
    }
    expect(await readdir(outside)).to.deep.equal([]);
  });

  it('without an exportPath is refused with the name of the setting', async () => {
    const { connector } = await connected({});
    const error = await connector.sendAttendance(SHEET.sessionId, SHEET).catch((thrown: Error) => thrown);
    expect(error)
      .to.be.an('error')
      .with.property('message')
      .that.matches(/config\.exportPath is not set/);
  });

  it('a connection test tells of each file, and of what is wrong with one', async () => {
    const { root, connector } = await connected();
    expect(await connector.testConnection()).to.deep.include({ success: false });
    await writeFile(
      join(root, 'in', 'students.csv'),
      Buffer.from('código;rut;nombres;fono\n1;1-9;Ángela;9\n', 'latin1'),
    );
    const good = await connector.testConnection();
    if (typeof good === 'boolean') throw new Error('no report');
    expect(good.success).to.equal(true);
    expect(good.checks?.[0]).to.deep.include({ name: 'students.csv', ok: true });
    expect(good.checks?.[0]?.details).to.deep.include({
      delimiter: 'semicolon',
      encoding: 'windows-1252',
      sizeBytes: 39,
      columns: { nationalId: 'rut', givenName: 'nombres', code: 'código', externalId: 'código' },
      unrecognised: ['fono'],
    });
    await writeFile(join(root, 'in', 'courses.csv'), 'foo,bar\n');
    const bad = await connector.testConnection();
    expect(bad)
      .to.deep.include({ success: false })
      .and.property('message')
      .matches(/courses\.csv has no header that is recognised/);
  });
});
