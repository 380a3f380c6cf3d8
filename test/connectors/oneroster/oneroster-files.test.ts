import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  ConnectorError,
  type CourseRecord,
  type GroupRecord,
  MappingEntityType,
} from '../../../src/connectors/index.js';
import { createPathJail } from '../../../src/security/index.js';
import { listenOn } from '../../support/listen.js';
import { csvFilesOf, enrolment, makeOneRosterSchool, person, zipOf } from '../../support/oneroster/index.js';
import { S3Simulator } from '../../support/s3-bucket/index.js';
import { tempFolder } from '../../support/temp-folder.js';
import { rejectionOf } from '../http/kit.js';
import { connected, read } from './read-oneroster.js';

const { COURSE, GROUP, STUDENT, TEACHER } = MappingEntityType;
const SMALL = { students: 3, courses: 2, teachers: 2 };
type Files = Record<string, string | Buffer>;

/** A folder with these files, and how a connector reaches it. */
async function folderWith(files: Files) {
  const root = await tempFolder();
  await mkdir(join(root, 'in'));
  for (const [name, content] of Object.entries(files)) await writeFile(join(root, 'in', name), content);
  return { settings: { config: { importPath: 'in' } }, context: { root, files: createPathJail(root) } };
}

async function readFiles<R extends CourseRecord | GroupRecord = CourseRecord>(
  files: Files,
  entityType: MappingEntityType = STUDENT,
) {
  const { settings, context } = await folderWith(files);
  return read<R & { givenName?: string; personExternalId?: string }>(settings, entityType, context);
}

const readZip = async (files: Files, entityType: MappingEntityType = STUDENT) =>
  readFiles({ 'oneroster.zip': await zipOf(files) }, entityType);

async function wordsOf(reading: Promise<unknown>): Promise<string> {
  const error = (await rejectionOf(reading)) as Error;
  expect(error).to.be.instanceOf(ConnectorError);
  expect(error.message).to.match(/\S \S.*\.$/s);
  return error.message;
}

const idsOf = (records: readonly { externalId: unknown }[]) => records.map(({ externalId }) => externalId);

describe('OneRoster as CSV files', () => {
  for (const version of ['1.1', '1.2']) {
    it(`of ${version}, all of a school in one zip, are read as the API is`, async () => {
      const files = csvFilesOf(makeOneRosterSchool(SMALL), { version });
      const students = await readZip(files);
      expect(idsOf(students.records)).to.deep.equal(['S1', 'S2', 'S3']);
      expect(students.records[0]).to.deep.include({
        active: true,
        givenName: 'Ana',
        familyName: 'Soto S1',
        email: 's1@school.example',
        code: 'N-S1',
        line: 2,
        metadata: { username: 's1', schools: ['Colegio San Martín'] },
      });
      expect(students.memberships).to.have.length(6);
      expect(students.pages.some(({ partial }) => partial)).to.equal(false);
      expect(idsOf((await readZip(files, TEACHER)).records)).to.deep.equal(['T1', 'T2']);
      const groups = await readZip(files, GROUP);
      expect(groups.records[0]).to.deep.include({ courseExternalId: 'C1', academicTerm: 'Primer semestre' });
      expect(groups.memberships.map((row) => row.role)).to.deep.equal(['TEACHER', 'TEACHER', 'TEACHER']);
      expect((await readZip(files, COURSE)).records[0]).to.deep.include({
        academicTerm: 'Año 2026',
        grade: '07',
      });
    });
  }

  it('may lie unpacked in the folder', async () => {
    const { records, issues } = await readFiles(csvFilesOf(makeOneRosterSchool(SMALL)));
    expect(records).to.have.length(3);
    expect(issues).to.deep.equal([]);
  });

  it('may be in a zip that was made of a folder, with what the system of its maker adds', async () => {
    const files = csvFilesOf(makeOneRosterSchool(SMALL));
    const packed: Files = { '__MACOSX/roster/._users.csv': 'x', 'roster/.DS_Store': 'x' };
    for (const [name, content] of Object.entries(files)) packed[`roster/${name}`] = content;
    expect((await readZip(packed)).records).to.have.length(3);
  });

  it('on S3 are read from the newest zip of that name under the prefix', async () => {
    const s3 = new S3Simulator({ accessKey: 'AKIATEST', secretKey: 'very-secret' });
    s3.buckets.set('school', new Map());
    const server = await listenOn(s3.handle);
    try {
      const put = async (day: number, students: number) =>
        s3.put(
          'school',
          `exports/2026-03-0${day}/oneroster.zip`,
          await zipOf(csvFilesOf(makeOneRosterSchool({ students }))),
          new Date(Date.UTC(2026, 2, day)),
        );
      await put(1, 4);
      await put(2, 5);
      const config = {
        s3Bucket: 'school',
        s3Prefix: 'exports',
        s3Endpoint: server.url,
        s3ForcePathStyle: true,
      };
      const credentials = { awsAccessKey: 'AKIATEST', awsSecretKey: 'very-secret' };
      expect((await read({ config, credentials })).records).to.have.length(5);
      const report = await connected({ config, credentials }, (connector) => connector.testConnection());
      expect(JSON.stringify(report)).to.contain('s3://school/exports/2026-03-02/oneroster.zip is read.');
    } finally {
      await server.close();
    }
  });

  describe('by their manifest', () => {
    it('that is missing, in a zip or a folder, cannot be read', async () => {
      const { 'manifest.csv': _, ...files } = csvFilesOf(makeOneRosterSchool(SMALL));
      expect(await wordsOf(readZip(files))).to.contain('There is no manifest.csv in in/oneroster.zip');
      expect(await wordsOf(readFiles(files))).to.contain('no oneroster.zip');
    });

    it('that announces a file which is not there cannot be read', async () => {
      const { 'enrollments.csv': _, ...files } = csvFilesOf(makeOneRosterSchool(SMALL));
      expect(await wordsOf(readZip(files))).to.contain('announces enrollments.csv');
    });

    it('that says something else than absent, bulk or delta cannot be read', async () => {
      const files = csvFilesOf(makeOneRosterSchool(SMALL));
      const manifest = (files['manifest.csv'] as string).replace('file.users,bulk', 'file.users,full');
      expect(await wordsOf(readZip({ ...files, 'manifest.csv': manifest }))).to.contain(
        '"full" of file.users',
      );
    });

    it('that calls a file absent say nothing of those in it', async () => {
      const files = csvFilesOf(makeOneRosterSchool(SMALL), { only: ['courses'] });
      const { records, pages, membershipPages } = await readZip(files);
      expect(records).to.deep.equal([]);
      expect([...pages, ...membershipPages].every(({ partial }) => partial)).to.equal(true);
      // Not even what their terms and schools are called: what the roster has there is left alone.
      const courses = (await readZip(files, COURSE)).records;
      expect(courses[0]).to.deep.include({ name: 'Álgebra 1', academicTerm: undefined, metadata: undefined });
    });
  });

  describe('of changes', () => {
    const changed = () => {
      const school = makeOneRosterSchool({ students: 0, courses: 0, teachers: 0 });
      school.users = [person('S1', 'student'), person('S2', 'student', { status: 'tobedeleted' })];
      school.enrollments = [
        enrolment('G1', 'S1', 'student'),
        enrolment('G2', 'S1', 'student', { status: 'tobedeleted' }),
      ];
      return school;
    };
    const only = ['users', 'roles', 'enrollments'];

    it('deactivate who is to be deleted, and leave alone who is not in them', async () => {
      const { records, pages } = await readZip(csvFilesOf(changed(), { mode: 'delta', only }));
      expect(records.map((row) => [row.externalId, row.active])).to.deep.equal([
        ['S1', true],
        ['S2', false],
      ]);
      expect(pages.every(({ partial }) => partial)).to.equal(true);
    });

    it('begin memberships, and say of those that are to be deleted that they end later', async () => {
      const { memberships, issues } = await readZip(csvFilesOf(changed(), { mode: 'delta', only }));
      expect(memberships.map((row) => row.groupExternalId)).to.deep.equal(['G1']);
      expect(issues.map(({ severity, rule }) => [severity, rule])).to.deep.equal([
        ['warning', 'membership.ends_later'],
      ]);
    });

    it('without the roles of their people are errors, person by person', async () => {
      const files = csvFilesOf(changed(), { mode: 'delta', only: ['users'] });
      const { records, issues } = await readZip(files);
      expect(records).to.deep.equal([]);
      expect(issues.map(({ rule, line, externalId }) => [rule, line, externalId])).to.deep.equal([
        ['role.unknown', 2, 'S1'],
        ['role.unknown', 3, 'S2'],
      ]);
    });
  });

  it('of all people of 1.2 without roles.csv cannot be read', async () => {
    const files = csvFilesOf(makeOneRosterSchool(SMALL), { only: ['users'] });
    expect(await wordsOf(readZip(files))).to.contain('Export roles.csv too');
  });

  describe('in a zip that cannot be trusted:', () => {
    const good = () => csvFilesOf(makeOneRosterSchool(SMALL));
    const names = ['/etc/users.csv', '../users.csv', 'a/../../users.csv', '..\\users.csv', 'C:/users.csv'];
    for (const name of names) {
      it(`a file named ${name} is refused`, async () => {
        expect(await wordsOf(readZip({ ...good(), [name]: 'x' }))).to.contain('cannot be unpacked');
      });
    }

    it('a file that unpacks to far more than any list is refused before it is unpacked', async () => {
      const bomb = Buffer.alloc(64 * 1024 * 1024);
      expect(await wordsOf(readZip({ ...good(), 'notes.csv': bomb }))).to.contain('that is no roster');
    });

    it('a file that is larger than the zip says is not unpacked beyond that', async () => {
      const zip = await zipOf({ ...good(), 'users.csv': Buffer.alloc(40 * 1024 * 1024, 'a') });
      const claimed = Buffer.from(zip);
      const size = Buffer.alloc(4);
      size.writeUInt32LE(40 * 1024 * 1024);
      const small = Buffer.alloc(4);
      small.writeUInt32LE(1_000);
      for (let at = claimed.indexOf(size); at >= 0; at = claimed.indexOf(size, at + 4))
        small.copy(claimed, at);
      expect(await wordsOf(readFiles({ 'oneroster.zip': claimed }))).to.contain(
        'users.csv cannot be unpacked',
      );
    });

    it('files that share their bytes are refused', async () => {
      const zip = await zipOf({
        ...good(),
        'a.csv': Buffer.alloc(400, 'ab'),
        'b.csv': Buffer.alloc(400, 'ab'),
      });
      // Says of every file in the directory that it is as large, packed, as the whole zip.
      const forged = Buffer.from(zip);
      const signature = Buffer.from('PK\x01\x02');
      for (let at = forged.indexOf(signature); at >= 0; at = forged.indexOf(signature, at + 4))
        forged.writeUInt32LE(zip.length, at + 20);
      expect(await wordsOf(readFiles({ 'oneroster.zip': forged }))).to.match(/no roster|cannot be unpacked/);
    });

    it('a name that comes twice is refused, in whatever case', async () => {
      expect(await wordsOf(readZip({ ...good(), 'Users.CSV': 'x' }))).to.contain('two files named');
    });

    it('more files than OneRoster has are refused', async () => {
      const many = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`f${i}.csv`, 'x']));
      expect(await wordsOf(readZip({ ...good(), ...many }))).to.contain('more than 200 files');
    });

    it('a byte that changed on the way is noticed', async () => {
      const users = Buffer.from(good()['users.csv'] as string);
      const zip = await zipOf({ ...good(), 'users.csv': users });
      const damaged = Buffer.from(zip);
      // The checksum of the file in the directory, so that only it can tell.
      const entry = damaged.lastIndexOf(Buffer.from('users.csv')) - 46;
      damaged.writeUInt32LE((damaged.readUInt32LE(entry + 16) ^ 1) >>> 0, entry + 16);
      expect(await wordsOf(readFiles({ 'oneroster.zip': damaged }))).to.contain('checksum');
    });

    it('one that is encrypted is refused', async () => {
      const zip = await zipOf(good());
      const entry = zip.lastIndexOf(Buffer.from('users.csv')) - 46;
      zip.writeUInt16LE(zip.readUInt16LE(entry + 8) | 1, entry + 8);
      expect(await wordsOf(readFiles({ 'oneroster.zip': zip }))).to.contain('is encrypted');
    });

    for (const [name, change] of [
      ['cut off', (zip: Buffer) => zip.subarray(0, zip.length / 2)],
      ['empty', () => Buffer.alloc(0)],
      ['none', () => Buffer.from('sourcedId,givenName\nS1,Ana\n')],
    ] as const) {
      it(`one that is ${name} is refused`, async () => {
        const zip = change(await zipOf(good()));
        expect(await wordsOf(readFiles({ 'oneroster.zip': zip }))).to.contain('cannot be unpacked');
      });
    }
  });

  describe('as they are written:', () => {
    const withUsers = (users: string | Buffer) => ({
      ...csvFilesOf(makeOneRosterSchool(SMALL)),
      'users.csv': users,
    });
    const TABLE = 'sourcedId,givenName,familyName\r\nS1,José,Muñoz\r\n';

    for (const [name, bytes, warnings] of [
      ['UTF-8 with a byte order mark', Buffer.from(`\uFEFF${TABLE}`), []],
      ['UTF-16', Buffer.from(`\uFEFF${TABLE}`, 'utf16le'), []],
      ['Windows-1252, with a warning,', Buffer.from(TABLE, 'latin1'), ['file.encoding']],
    ] as const) {
      it(`${name} is read`, async () => {
        const { records, issues } = await readZip(withUsers(bytes));
        expect(records[0]).to.include({ externalId: 'S1', givenName: 'José', familyName: 'Muñoz' });
        expect(issues.map(({ rule }) => rule)).to.deep.equal(warnings);
      });
    }

    it('names may be in any case and order, values quoted over lines', async () => {
      const { records } = await readZip(
        withUsers('FAMILYNAME,SOURCEDID,GivenName\n"So\nto",S1,"Ana ""Pía"""\n'),
      );
      expect(records[0]).to.include({
        externalId: 'S1',
        familyName: 'So\nto',
        givenName: 'Ana "Pía"',
        line: 2,
      });
    });

    it('a row with too few or too many cells is an error with its line, and the others come in', async () => {
      const { records, issues } = await readZip(
        withUsers('sourcedId,givenName,familyName\nS1,Ana\nS2,Pía,Ríos\n\nS1,Eva,Paz,x\nS3,Eva,Paz,,\n'),
      );
      expect(idsOf(records)).to.deep.equal(['S2', 'S3']);
      expect(issues.map(({ rule, line, file }) => [rule, line, file])).to.deep.equal([
        ['row.ragged', 2, 'users.csv'],
        ['row.ragged', 5, 'users.csv'],
      ]);
    });

    it('a row without sourcedId is an error with its line', async () => {
      const { issues } = await readZip(withUsers('sourcedId,givenName,familyName\n,Ana,Soto\n'));
      expect(issues[0]).to.include({
        rule: 'record.unreadable',
        line: 2,
        file: 'users.csv',
        severity: 'error',
      });
    });

    it('a file without a column that it needs, separated otherwise, or empty cannot be read', async () => {
      expect(await wordsOf(readZip(withUsers('sourcedId,name\nS1,Ana\n')))).to.contain(
        'no column givenName, familyName',
      );
      expect(await wordsOf(readZip(withUsers(TABLE.replaceAll(',', ';'))))).to.contain('separated by commas');
      expect(await wordsOf(readZip(withUsers('')))).to.contain('users.csv is empty');
    });

    it('a file that ends inside a quotation cannot be read', async () => {
      const reading = readZip(withUsers('sourcedId,givenName,familyName\nS1,"Ana,Soto\nS2,Pía,Ríos\n'));
      expect(await wordsOf(reading)).to.contain('ends inside a quotation');
    });

    it('passwords are left where they are', async () => {
      const { records } = await readZip(csvFilesOf(makeOneRosterSchool(SMALL)));
      expect(JSON.stringify(records)).not.to.contain('never to be read');
    });
  });

  it('the connection test names what is there, and what is wrong with it', async () => {
    const files = csvFilesOf(makeOneRosterSchool(SMALL), { only: ['users', 'roles', 'courses'] });
    const test = async (given: Files) => {
      const { settings, context } = await folderWith(given);
      return connected(settings, (connector) => connector.testConnection(), context);
    };
    const good = (await test({ 'oneroster.zip': await zipOf(files) })) as {
      success: boolean;
      checks: object[];
    };
    expect(good.success).to.equal(true);
    expect(JSON.stringify(good.checks))
      .to.contain('users.csv: bulk.')
      .and.contain('enrollments.csv is absent.');
    const bad = (await test({ ...files, 'users.csv': 'id\n1\n' })) as { success: boolean; message: string };
    expect(bad.success).to.equal(false);
    expect(bad.message).to.contain('users.csv has no column sourcedId');
  });
});
