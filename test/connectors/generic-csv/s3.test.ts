import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { IntegrationProvider, MappingEntityType } from '../../../src/connectors/index.js';
import { operations } from '../../../src/observability/index.js';
import { type Listening, listenOn } from '../../support/listen.js';
import { S3Simulator } from '../../support/s3-bucket/index.js';
import { newIntegration, newSchool, newSession, sharedServices } from '../../support/services.js';
import { writeWorkbook } from '../../support/workbook.js';

const { GROUP, STUDENT } = MappingEntityType;
const KEYS = { accessKey: 'AKIATEST', secretKey: 'very-secret' };
const HEAD = 'id,nombres,apellidos';
const DAY = (day: number) => new Date(Date.UTC(2026, 2, day));
const open: Listening[] = [];

after(() => Promise.all(open.map((server) => server.close())));

async function bucket(
  config: object = {},
  credentials: object = { awsAccessKey: KEYS.accessKey, awsSecretKey: KEYS.secretKey },
) {
  const s3 = new S3Simulator({ ...KEYS, pageSize: 3 });
  s3.buckets.set('school', new Map());
  const server = await listenOn(s3.handle);
  open.push(server);
  const settings = {
    s3Bucket: 'school',
    s3Prefix: 'exports',
    s3Endpoint: server.url,
    s3ForcePathStyle: true,
    ...config,
  };
  const integration = await newIntegration(IntegrationProvider.GENERIC_CSV, settings, credentials);
  const { integrationService, rosterService } = await sharedServices();
  const { integrationId, institutionId } = integration;
  return {
    s3,
    url: server.url,
    ...integration,
    sync: (type: MappingEntityType) => integrationService.syncData(integrationId, type),
    test: () => integrationService.testConnection(integrationId),
    send: (sessionId: string) => integrationService.sendAttendance(integrationId, sessionId),
    names: async () =>
      (await rosterService.listStudents({ institutionId })).items.map(({ givenName }) => givenName).sort(),
  };
}

describe('CSV files on S3', () => {
  it('are read from the newest folder under the prefix', async () => {
    const { s3, sync, names, test } = await bucket();
    s3.put('school', 'exports/2026-03-01/students.csv', `${HEAD}\n1,Ana,Soto\n`, DAY(1));
    s3.put('school', 'exports/2026-03-02/students.csv', `${HEAD}\n1,Ana,Soto\n2,Pía,Ríos\n`, DAY(2));
    s3.put('school', 'elsewhere/students.csv', `${HEAD}\n9,Eva,Paz\n`, DAY(9));
    expect((await test()).checks[0]?.message).to.equal('s3://school/exports/2026-03-02/ is read');
    expect((await sync(STUDENT)).counts).to.deep.include({ read: 2, created: 2 });
    expect(await names()).to.deep.equal(['Ana', 'Pía']);
  });

  it('are told of as exchanges with a school system, with their host and status', async () => {
    const told: unknown[] = [];
    const { s3, test, url } = await bucket();
    s3.put('school', 'exports/students.csv', `${HEAD}\n1,Ana,Soto\n`, DAY(1));
    const stop = operations.outbound.onEnd(({ facts }) => told.push({ ...facts }));
    await test();
    s3.buckets.delete('school');
    await test();
    stop();
    const { host } = new URL(url);
    expect(told).to.deep.include({ method: 'GET', host, status: 200 });
    expect(told).to.deep.include({ method: 'GET', host, status: 404 });
  });

  it('a set that is only half there is passed over, and said', async () => {
    const { s3, sync, names } = await bucket();
    s3.put('school', 'exports/a/students.csv', `${HEAD}\n1,Ana,Soto\n`, DAY(1));
    s3.put('school', 'exports/a/groups.csv', 'id,nombre\nG1,1A\n', DAY(1));
    s3.put('school', 'exports/b/students.csv', `${HEAD}\n2,Pía,Ríos\n`, DAY(2));
    const report = await sync(STUDENT);
    expect(report).to.deep.include({ success: true, warningCount: 1 });
    expect(await names()).to.deep.equal(['Ana']);
    s3.put('school', 'exports/b/groups.csv', 'id,nombre\nG1,1A\n', DAY(2));
    expect((await sync(STUDENT)).warningCount).to.equal(0);
    expect(await names()).to.deep.equal(['Ana', 'Pía']);
  });

  it('may be workbooks, of which a newer set takes the place of one of CSV files', async () => {
    const { s3, sync, names, test } = await bucket();
    s3.put('school', 'exports/a/students.csv', `${HEAD}\n1,Ana,Soto\n`, DAY(1));
    s3.put('school', 'exports/a/groups.csv', 'id,nombre\nG1,1A\n', DAY(1));
    const rows = [HEAD.split(','), ['1', 'Ana', 'Soto'], ['2', 'Pía', 'Ríos']];
    s3.put('school', 'exports/b/students.xlsx', await writeWorkbook({ sheets: [{ rows }] }), DAY(2));
    expect((await test()).checks[0]?.message).to.match(/exports\/a\/ is read; .* lacks groups\.csv/);
    const groups = [
      ['id', 'nombre'],
      ['G1', '1A'],
    ];
    s3.put('school', 'exports/b/groups.xlsx', await writeWorkbook({ sheets: [{ rows: groups }] }), DAY(2));
    expect((await test()).checks[0]?.message).to.equal('s3://school/exports/b/ is read');
    expect((await sync(STUDENT)).counts).to.deep.include({ read: 2, created: 2 });
    expect(await names()).to.deep.equal(['Ana', 'Pía']);
  });

  it('an object that changes while it is read stops the run, and nothing is written', async () => {
    const { s3, sync, names } = await bucket();
    const rows = Array.from({ length: 20_000 }, (_, i) => `${i + 1},Ana,Soto`);
    s3.put('school', 'exports/students.csv', [HEAD, ...rows].join('\n'));
    let read = 0;
    s3.onRead = () => {
      read += 1;
      // The file is read twice: the change comes between the look at its encoding and its end.
      if (read === 5) s3.put('school', 'exports/students.csv', `${HEAD}\n1,Eva,Paz\n`);
    };
    const report = await sync(STUDENT);
    expect(report.success).to.equal(false);
    expect(report.errors[0]).to.match(/students\.csv changed while it was read/);
    expect(await names()).to.deep.equal([]);
  });

  it('nothing of them touches the disk, and attendance goes back as an object', async () => {
    const { s3, sync, send, ...school } = await bucket();
    s3.put('school', 'exports/students.csv', `${HEAD},curso\n1,Ana,Soto,G1\n`);
    s3.put('school', 'exports/groups.csv.gz', gzipSync('id,nombre\nG1,1A\n'));
    expect((await sync(GROUP)).counts.created).to.equal(1);
    await sync(STUDENT);
    const session = await newSession(school, { group: 'G1' }, { '1': 'LATE' });
    expect(await send(session.id)).to.deep.include({ success: true, sent: 1, confirmed: 1 });
    const key = `exports/attendance/attendance-2026-03-02-${session.id}.csv`;
    expect(s3.buckets.get('school')?.get(key)?.body.toString()).to.contain(',1A,').and.contain(',LATE,');
    // What was written there is no set of files to read.
    expect((await sync(STUDENT)).counts).to.deep.include({ read: 1, unchanged: 1 });
  });

  it('with importPath too they go before it, and exportPath stays local', async () => {
    const local = await newSchool({ 'students.csv': `${HEAD}\n9,Eva,Paz\n` });
    const name = local.folder.split('/').at(-1) as string;
    const { s3, sync, send, names, ...school } = await bucket({
      importPath: name,
      exportPath: `${name}/export`,
    });
    s3.put('school', 'exports/students.csv', `${HEAD}\n1,Ana,Soto\n`);
    s3.put('school', 'exports/groups.csv', 'id,nombre\nG1,1A\n');
    await sync(GROUP);
    await sync(STUDENT);
    expect(await names()).to.deep.equal(['Ana']);
    const session = await newSession(school, { group: 'G1' }, { '1': 'PRESENT' });
    await send(session.id);
    const file = join(local.folder, 'export', `attendance-2026-03-02-${session.id}.csv`);
    expect(await readFile(file, 'utf8')).to.contain('PRESENT');
  });

  const REFUSALS: [what: string, config: object, credentials: object, message: RegExp][] = [
    [
      'wrong keys',
      {},
      { awsAccessKey: KEYS.accessKey, awsSecretKey: 'wrong' },
      /S3 refused the keys \(SignatureDoesNotMatch\)/,
    ],
    [
      'a bucket that is not there',
      { s3Bucket: 'nothing' },
      { awsAccessKey: KEYS.accessKey, awsSecretKey: KEYS.secretKey },
      /no bucket nothing/,
    ],
    [
      'an empty prefix',
      { s3Prefix: 'empty' },
      { awsAccessKey: KEYS.accessKey, awsSecretKey: KEYS.secretKey },
      /none of students\.csv.* under "empty\/"/,
    ],
    [
      "an address of the school's own without keys of its own",
      {},
      {},
      /s3Endpoint needs keys of its own.*awsAccessKey.*S3_ENDPOINT/,
    ],
    [
      'an address that is not public',
      { s3Endpoint: 'http://169.254.169.254' },
      { awsAccessKey: 'a', awsSecretKey: 'b' },
      /private address.*OUTBOUND_ALLOW/,
    ],
  ];
  for (const [what, config, credentials, message] of REFUSALS) {
    it(`${what}: the sentence says what to do`, async () => {
      const { test } = await bucket(config, credentials);
      const report = await test();
      expect(report.success).to.equal(false);
      expect(report.message).to.match(message).and.not.contain('very-secret');
    });
  }
});

describe('packed CSV files', () => {
  it('that unpack to far more than any list are refused', async () => {
    const school = await newSchool();
    await writeFile(join(school.folder, 'students.csv.gz'), gzipSync(Buffer.alloc(40 * 1024 * 1024, 'a')));
    const { integrationService } = await sharedServices();
    const report = await integrationService.syncData(school.integrationId, STUDENT);
    expect(report.errors[0]).to.match(/students\.csv\.gz unpacks to more than 200 times its size/);
  });

  it('that are cut off are refused, and nothing is written', async () => {
    const school = await newSchool();
    const whole = gzipSync(
      `${HEAD}\n${Array.from({ length: 5_000 }, (_, i) => `${i},Ana,Soto ${i * 7919}`).join('\n')}`,
    );
    await writeFile(join(school.folder, 'students.csv.gz'), whole.subarray(0, whole.length / 2));
    const { integrationService } = await sharedServices();
    const report = await integrationService.syncData(school.integrationId, STUDENT);
    expect(report.success).to.equal(false);
    expect(report.errors[0]).to.match(/students\.csv\.gz cannot be unpacked/);
  });
});
