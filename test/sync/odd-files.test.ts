import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import type { RecordSource } from '../../src/connectors/index.js';
import { MappingEntityType } from '../../src/index.js';
import { newSchool, sharedServices } from '../support/services.js';
import { syncServiceOf } from '../support/sync-service.js';

const { COURSE, TEACHER, GROUP, STUDENT } = MappingEntityType;
const FILES: Record<string, string> = {
  'courses.csv': 'id,nombre\nC1,Matemática\n',
  'teachers.csv': 'id,nombres\nT1,Eva\n',
  'groups.csv': 'id,nombre,curso_id\nG1,1A,C1\nG2,1B,C1\n',
  'students.csv': 'id,rut,nombres,apellidos,nota\n1,,Ana,Soto,x\n2,,José,Díaz,x\n3,,Luz,Vera,x\n',
  'memberships.csv': 'grupo_id,persona_id,rol\nG1,1,alumno\nG1,2,alumno\nG2,3,alumno\nG1,T1,profesor\n',
};
const READ_BY: Record<string, MappingEntityType[]> = {
  'courses.csv': [COURSE],
  'teachers.csv': [TEACHER],
  'groups.csv': [GROUP],
  'students.csv': [STUDENT],
  'memberships.csv': [GROUP, STUDENT],
};
const [QUOTE, LONG] = ['"', 'x'.repeat(10_000)];
const utf16 = (text: string) => Buffer.from(`\uFEFF${text}`, 'utf16le');

/** The mapped external ids of a school, by entity type, and how many memberships it has. */
async function stateOf({ integrationId, institutionId }: { integrationId: string; institutionId: string }) {
  const { database } = await sharedServices();
  const rows = await database.query<{ key: string }>(
    `SELECT entity_type || ' ' || external_id AS key FROM integration_mappings WHERE integration_id = $1
     UNION ALL SELECT 'MEMBERSHIP ' || group_id || ' ' || person_id FROM memberships WHERE institution_id = $2 ORDER BY 1`,
    [integrationId, institutionId],
  );
  return rows.map(({ key }) => key);
}

/** Every issue of a run, with its rule and place. */
async function issuesOf(integrationId: string, runId: string) {
  const { integrationService } = await sharedServices();
  const { items } = await integrationService.listSyncIssues(integrationId, runId, { pageSize: 1_000 });
  return items.map(
    ({ severity, rule, file, line }) => `${severity.toLowerCase()} ${rule} ${file ?? ''}:${line ?? ''}`,
  );
}

describe('a file with odd data', () => {
  for (const [name, types] of Object.entries(READ_BY)) {
    const lines = (FILES[name] as string).trimEnd().split('\n');
    const columns = (lines[0] as string).split(',').length;

    describe(name, () => {
      let school: Awaited<ReturnType<typeof newSchool>>;
      let whole: string[];
      const sync = async (type: MappingEntityType) =>
        (await sharedServices()).integrationService.syncData(school.integrationId, type);

      before(async () => {
        school = await newSchool(FILES);
        await (await sharedServices()).integrationService.syncData(school.integrationId);
        whole = await stateOf(school);
      });

      // Who was missing once is there again before the next odd file.
      afterEach(async () => {
        await school.write({ [name]: FILES[name] as string });
        for (const type of types) expect((await sync(type)).status).to.equal('COMPLETED');
      });

      for (let row = 0; row < 2; row++) {
        for (let column = 0; column < columns; column++) {
          it(`never fails by a NUL in ${row === 0 ? 'the header' : 'a row'}, column ${column + 1}`, async () => {
            const { integrationService } = await sharedServices();
            const cells = (lines[row] as string).split(',');
            cells[column] = `${cells[column]?.slice(0, 1)}\0${cells[column]?.slice(1)}`;
            // With a row that fails the run keeps the header too, for the file of failed rows.
            const failing = Array(columns + 1)
              .fill('x')
              .join(',');
            await school.write({ [name]: [...lines.with(row, cells.join(',')), failing].join('\n') });
            // A file that cannot be read is a report, not an internal error; and nobody is lost by it.
            for (const type of types) {
              const report = await sync(type);
              expect(report.status).to.be.oneOf(['COMPLETED', 'FAILED', 'HELD']);
              if (report.status === 'FAILED') expect(report.errors[0]).to.contain(name);
              if (report.counts.failed + report.membershipCounts.failed === 0) continue;
              const { fileName, content } = await integrationService.exportSyncIssues(
                school.integrationId,
                report.runId,
                { file: name },
              );
              expect(fileName).to.contain(name.replace('.csv', ''));
              expect(content.length).to.be.greaterThan(0);
            }
            expect(await stateOf(school)).to.deep.equal(whole);
          });
        }
      }
    });
  }

  it('has one student for an id in other spaces, tabs, quotes or Unicode form, and the id is clean', async () => {
    const { integrationService, mappingService } = await sharedServices();
    const ids = [
      '"  Ñandú 1 "',
      'N\u0303andu\u0301 2',
      `"dice ""hola"" 3"`,
      '"\t4\t"',
      "O'Higgins 5",
      '\u00a06\u00a0',
    ];
    const text = (list: readonly string[]) => ['id,nombres', ...list.map((id) => `${id},Ana`)].join('\n');
    const school = await newSchool({ 'students.csv': text(ids) });
    expect((await integrationService.syncData(school.integrationId, STUDENT)).counts).to.deep.include({
      created: 6,
      failed: 0,
    });
    const { items } = await mappingService.listMappings(school.integrationId);
    const clean = ['4', '6', 'dice "hola" 3', "O'Higgins 5", 'Ñandú 1', 'Ñandú 2'];
    expect(items.map(({ externalId }) => externalId).sort()).to.deep.equal([...clean].sort());
    await school.write({
      'students.csv': text(clean.map((id) => `"${id.normalize('NFD').replaceAll(QUOTE, '""')} "`)),
    });
    expect((await integrationService.syncData(school.integrationId, STUDENT)).counts).to.deep.include({
      created: 0,
      missing: 0,
      failed: 0,
    });
    await school.write({
      'students.csv': text([...clean.map((id) => `"${id.replaceAll(QUOTE, '""')}"`), '" 4"']),
    });
    const { counts, runId } = await integrationService.syncData(school.integrationId, STUDENT);
    expect(counts).to.deep.include({ created: 0, failed: 1 });
    expect(await issuesOf(school.integrationId, runId)).to.deep.equal(['error id.duplicate students.csv:8']);
  });

  it('warns of a national id that two rows share, and makes two people, each under its own id', async () => {
    const { integrationService } = await sharedServices();
    const school = await newSchool({
      'students.csv': 'id,rut,nombres\n1,11.111.112-K,Ana\n2,11111112-k,Eva\n3,,Luz\n',
    });
    const { counts, runId } = await integrationService.syncData(school.integrationId, STUDENT);
    expect(counts).to.deep.include({ created: 3, failed: 0 });
    expect(await issuesOf(school.integrationId, runId)).to.deep.equal([
      'warning national_id.duplicate students.csv:3',
    ]);
    expect((await integrationService.syncData(school.integrationId, STUDENT)).counts).to.deep.include({
      created: 0,
      updated: 0,
    });
  });

  it('with values of 10,000 characters in each column ends as a report that names the rows, and the others come in', async () => {
    const { integrationService } = await sharedServices();
    const rows = [
      '9,,Eva,Paz,x',
      ...Array.from({ length: 5 }, (_, n) => ['8', '', 'Ana', 'Gil', 'x'].with(n, LONG).join(',')),
    ];
    rows[2] = (rows[2] as string).replace('8', '10');
    rows[3] = (rows[3] as string).replace('8', '11');
    rows[4] = (rows[4] as string).replace('8', '12');
    rows[5] = (rows[5] as string).replace('8', '13');
    const school = await newSchool({ 'students.csv': ['id,rut,nombres,apellidos,nota', ...rows].join('\n') });
    const { counts, runId, status } = await integrationService.syncData(school.integrationId, STUDENT);
    expect(status).to.equal('COMPLETED');
    expect(await stateOf(school))
      .to.include('STUDENT 9')
      .and.to.include('STUDENT 13');
    expect(counts.created + counts.failed).to.equal(6);
    const issues = await issuesOf(school.integrationId, runId);
    expect(issues.filter((issue) => issue.startsWith('error'))).to.include(
      'error id.too_long students.csv:3',
    );
    for (const { message } of (await integrationService.listSyncIssues(school.integrationId, runId)).items) {
      expect(message.length).to.be.lessThan(1_000);
    }
  });

  it('with references of 10,000 characters brings the rows without them, and says which', async () => {
    const { integrationService } = await sharedServices();
    // Text that cannot be packed, as an index would have to.
    const wide = Array.from({ length: 10_000 }, () => String.fromCharCode(97 + Math.random() * 26)).join('');
    const school = await newSchool({
      ...FILES,
      'groups.csv': `id,nombre,curso_id,profesor_id\nG1,1A,${wide},T1\nG2,1B,C1,${wide}\n`,
      'students.csv': `id,nombres,grupo\n1,Ana,${wide}\n2,Eva,G1\n`,
      'memberships.csv': `grupo_id,persona_id\n${wide},1\nG2,2\n`,
    });
    const report = await integrationService.syncData(school.integrationId);
    expect(report.parts.map(({ status }) => status)).to.deep.equal(Array(4).fill('COMPLETED'));
    expect((await stateOf(school)).filter((key) => /GROUP|STUDENT/.test(key))).to.deep.equal([
      'GROUP G1',
      'GROUP G2',
      'STUDENT 1',
      'STUDENT 2',
    ]);
    for (const {
      runId,
      run: { entityType },
    } of report.parts.slice(2)) {
      const { items } = await integrationService.listSyncIssues(school.integrationId, runId);
      expect(items.length, entityType).to.be.greaterThan(0);
      for (const { message } of items) expect(message.length).to.be.lessThan(1_000);
    }
  });

  it('in UTF-16 with halves of characters in ids, names and other columns is stored without them', async () => {
    const { integrationService, mappingService } = await sharedServices();
    const text = 'id,nombres,apellidos,nota\uD800\n1\uD800,An\uDC00a,Soto\uD83D,x\uDFFF\n2,Eva,Paz,y\n';
    const school = await newSchool({ 'students.csv': utf16(text) });
    const report = await integrationService.syncData(school.integrationId, STUDENT);
    expect(report).to.deep.include({ success: true, status: 'COMPLETED' });
    expect(report.counts.created + report.counts.failed).to.equal(2);
    const { items } = await mappingService.listMappings(school.integrationId);
    for (const { externalId } of items) expect(externalId.isWellFormed()).to.equal(true);
    expect((await integrationService.syncData(school.integrationId, STUDENT)).counts).to.deep.include({
      created: 0,
      updated: 0,
    });
  });

  it('with rows of too many columns keeps these rows out, and takes nobody for gone by them', async () => {
    const { integrationService } = await sharedServices();
    const school = await newSchool(FILES);
    const { integrationId } = school;
    await integrationService.updateIntegration(integrationId, { policy: { graceRuns: 0 } });
    await integrationService.syncData(integrationId);
    const before = await stateOf(school);
    const wide = (text: string) =>
      text
        .trimEnd()
        .split('\n')
        .map((line, n) => (n === 1 ? `${line},y,z` : line))
        .join('\n');
    await school.write(Object.fromEntries(Object.entries(FILES).map(([name, text]) => [name, wide(text)])));
    for (const type of [COURSE, TEACHER, GROUP, STUDENT]) {
      const report = await integrationService.syncData(integrationId, type);
      expect(report.status, type).to.equal('COMPLETED');
      expect(report.counts, type).to.deep.include({ failed: 1, deactivated: 0 });
      expect(await issuesOf(integrationId, report.runId)).to.include(
        `error row.ragged ${type.toLowerCase()}s.csv:2`,
      );
    }
    expect(await stateOf(school)).to.deep.equal(before);
  });

  for (const [what, students, status] of [
    ['is empty', '', 'FAILED'],
    ['has its header alone', 'id,rut,nombres,apellidos,nota\n', 'HELD'],
  ] as const) {
    it(`loses nobody when students.csv ${what} beside groups and memberships as ever`, async () => {
      const { integrationService } = await sharedServices();
      const school = await newSchool(FILES);
      await integrationService.updateIntegration(school.integrationId, {
        policy: { graceRuns: 0, guard: { floor: 0 } },
      });
      await integrationService.syncData(school.integrationId);
      const before = await stateOf(school);
      await school.write({ 'students.csv': students });
      for (let round = 0; round < 2; round++) {
        const report = await integrationService.syncData(school.integrationId);
        expect(report).to.deep.include({ success: false, status });
        expect(report.parts.map((part) => part.status)).to.deep.equal([
          'COMPLETED',
          'COMPLETED',
          'COMPLETED',
          status,
        ]);
        expect(await stateOf(school)).to.deep.equal(before);
      }
    });
  }
});

describe('an Excel workbook that is called students.csv', () => {
  it('ends the run at once with what it is and what to do, and nothing is taken up again', async () => {
    const { integrationService } = await sharedServices();
    const head = 'PK\x03\x04\x14\0\x06\0\x08\0\0\0!\0[Content_Types].xml\0xl/workbook.xml';
    const school = await newSchool({
      ...FILES,
      'students.csv': Buffer.from(head + '\0\xff'.repeat(900), 'latin1'),
    });
    for (const type of [STUDENT, undefined]) {
      const report = await integrationService.syncData(school.integrationId, type);
      expect(report).to.deep.include({ success: false, status: 'FAILED' });
      expect(report.errors[0]).to.match(
        /^students\.csv is no CSV but an Excel workbook.*save it as "CSV UTF-8"/,
      );
      const run = await integrationService.getSyncRun(school.integrationId, report.runId);
      expect(run).to.deep.include({ status: 'FAILED', attempt: 1, error: report.errors[0] });
    }
    expect((await integrationService.getIntegration(school.integrationId)).lastError).to.contain('Excel');
    await school.write({ 'students.csv': FILES['students.csv'] as string });
    expect((await integrationService.syncData(school.integrationId)).success).to.equal(true);
  });
});

describe('records of a connector with odd data', () => {
  it('come in or are refused with an issue, never with a failure, wherever a NUL or half a character stands', async () => {
    const { database } = await sharedServices();
    const { integrationId, institutionId } = await newSchool();
    for (const odd of ['a\0b', '\uD800', '\0']) {
      const records: Record<string, object> = {
        GROUP: {
          externalId: 'G1',
          name: '1A',
          code: '1A',
          academicTerm: '2026',
          courseExternalId: 'C1',
          teacherExternalId: 'T1',
        },
        STUDENT: {
          externalId: 'S1',
          givenName: 'Ana',
          email: 'a@b.example',
          birthDate: '2014-03-02',
          groupExternalId: 'G1',
        },
        COURSE: { externalId: 'C1', name: 'Arte', grade: '1', description: 'd' },
      };
      for (const [type, good] of Object.entries(records)) {
        for (const field of [...Object.keys(good), 'metadata']) {
          const record = { ...good, [field]: field === 'metadata' ? { [odd]: [odd] } : odd };
          const memberships = { groupExternalId: odd, personExternalId: odd, role: 'STUDENT' as const };
          const syncs = syncServiceOf(
            database,
            () => ({ entities: one(record), memberships: one(memberships) }) as RecordSource,
          );
          const key = { integrationId, institutionId, entityType: type as MappingEntityType };
          const run = syncs.sync(key);
          expect((await run).status, `${type} ${field} ${JSON.stringify(odd)}`).to.be.oneOf([
            'COMPLETED',
            'HELD',
          ]);
        }
      }
    }
  });
});

describe('a failure of a connector whose message has a NUL and half a character', () => {
  it('ends the run with the rest of the message, so that the next one can begin', async () => {
    const { database } = await sharedServices();
    const { integrationId, institutionId } = await newSchool();
    const key = { integrationId, institutionId, entityType: STUDENT };
    const failing = syncServiceOf(database, () => ({ entities: fail('HTTP 500: a\0b \uD800') }));
    const report = await failing.sync(key);
    expect(report.status).to.equal('FAILED');
    expect(report.errors[0]).to.contain('HTTP 500: a');
    const { error } = await failing.runs.get(integrationId, report.runId);
    expect(error).to.contain('HTTP 500: a');
    const gap = syncServiceOf(database, () => {
      const entities = (async function* () {
        yield {
          records: [{ externalId: 'S1', givenName: 'Ana' }],
          gap: 'Course a\0b \uD800 could not be read.',
        };
      })();
      return { entities };
    });
    expect((await gap.sync(key)).status).to.equal('COMPLETED');
    const mapping = {
      entityType: STUDENT,
      internalId: randomUUID(),
      externalId: 'S2',
      metadata: { 'a\0': '\uD800' },
    };
    const writing = syncServiceOf(database, () => ({
      success: false,
      synced: 1,
      errors: ['a\0b'],
      mappings: [mapping],
    }));
    expect((await writing.sync(key)).status).to.equal('FAILED');
    expect((await gap.sync(key)).status).to.equal('COMPLETED');
  });
});

async function* fail(message: string): AsyncGenerator<never[]> {
  yield [];
  throw new Error(message);
}

async function* one<T>(record: T): AsyncGenerator<T[]> {
  yield [record];
}
