import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from 'csv-parse/sync';
import {
  type RecordSource,
  type RecordTable,
  MappingEntityType as Type,
} from '../../../src/connectors/index.js';
import { attachment } from '../../../src/rpc/convert/attachment.js';
import { syncPolicy } from '../../../src/sync/index.js';
import { type FailedRow, failedRecordsCsv, failedRowsCsv } from '../../../src/sync/issues/failed-rows-csv.js';
import { describeIssue } from '../../../src/sync/issues/issue-log.js';
import { fromStoredCells, toStoredCells } from '../../../src/sync/issues/stored-rows.js';
import { readCsv } from '../../connectors/generic-csv/read-csv.js';
import { newSchool, sharedServices } from '../../support/services.js';
import { syncServiceOf } from '../../support/sync-service.js';

const PLAIN: RecordTable = { header: ['id', 'nombre'], delimiter: ',', encoding: 'utf-8', bom: false };
const row = (cells: string[], ...sentences: string[]): FailedRow => ({ line: 7, cells, sentences });

const neverRead = (): never => {
  throw new Error('what is pushed is not read');
};

describe('a file of failed rows', () => {
  const CASES: Record<string, { table?: Partial<RecordTable>; rows: FailedRow[]; file: string | Buffer }> = {
    'with commas': {
      rows: [row(['1', 'Ana'], 'is bad')],
      file: 'id,nombre,error\r\n1,Ana,line 7: is bad\r\n',
    },
    'with semicolons': {
      table: { delimiter: ';' },
      rows: [row(['1', 'Soto, Ana'], 'no; never')],
      file: 'id;nombre;error\r\n1;Soto, Ana;"line 7: no; never"\r\n',
    },
    'with tabs': {
      table: { delimiter: '\t' },
      rows: [row(['1', 'a\tb'], 'x')],
      file: 'id\tnombre\terror\r\n1\t"a\tb"\tline 7: x\r\n',
    },
    'with pipes': {
      table: { delimiter: '|' },
      rows: [row(['1', 'a|b'], 'x')],
      file: 'id|nombre|error\r\n1|"a|b"|line 7: x\r\n',
    },
    'quotes and line breaks': {
      rows: [row(['1', 'Ana "Nita"'], 'x'), row(['2', 'a\nb'], 'y'), row(['3', ' c\r'], 'z')],
      file: 'id,nombre,error\r\n1,"Ana ""Nita""",line 7: x\r\n2,"a\nb",line 7: y\r\n3," c\r",line 7: z\r\n',
    },
    'what is wrong, each thing once': {
      rows: [row(['1', ''], 'a. Do this', 'b', 'a. Do this')],
      file: 'id,nombre,error\r\n1,,line 7: a. Do this; b\r\n',
    },
    'a row that is too short': { rows: [row(['1'], 'x')], file: 'id,nombre,error\r\n1,,line 7: x\r\n' },
    'a row that is too long': {
      rows: [row(['1', '6', '5'], 'x')],
      file: 'id,nombre,error\r\n1,6,5,line 7: x\r\n',
    },
    'formulas: theirs as they were, ours made text': {
      rows: [{ line: null, cells: ['=1+1', '@a'], sentences: ['=2 is bad'] }],
      file: "id,nombre,error\r\n=1+1,@a,'=2 is bad\r\n",
    },
    'UTF-8 with a mark': {
      table: { bom: true },
      rows: [row(['1', 'Ñ'], '…')],
      file: '\uFEFFid,nombre,error\r\n1,Ñ,line 7: …\r\n',
    },
    'Windows-1252': {
      table: { encoding: 'windows-1252', header: ['código'] },
      rows: [row(['Ñandú €“'], 'ю 🎓 ñ')],
      file: Buffer.concat([
        Buffer.from('código,error\r\nÑandú ', 'latin1'),
        Buffer.of(0x80, 0x93),
        Buffer.from(',line 7: ? ? ñ\r\n', 'latin1'),
      ]),
    },
    'UTF-16 little endian': {
      table: { encoding: 'utf-16le', bom: true },
      rows: [row(['1', 'Ñ'], 'x')],
      file: Buffer.from('\uFEFFid,nombre,error\r\n1,Ñ,line 7: x\r\n', 'utf16le'),
    },
    'UTF-16 big endian': {
      table: { encoding: 'utf-16be', bom: true },
      rows: [row(['1', 'Ñ'], 'x')],
      file: Buffer.from('\uFEFFid,nombre,error\r\n1,Ñ,line 7: x\r\n', 'utf16le').swap16(),
    },
  };
  for (const [name, { table, rows, file }] of Object.entries(CASES)) {
    it(name, () => {
      expect(failedRowsCsv({ ...PLAIN, ...table }, rows)).to.deep.equal(Buffer.from(file));
    });
  }

  it('has every byte of Windows-1252 as it was', () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte).filter(
      (byte) => !'\n\r",'.includes(String.fromCharCode(byte)),
    );
    const cell = new TextDecoder('windows-1252').decode(bytes, { stream: true });
    const file = failedRowsCsv({ ...PLAIN, encoding: 'windows-1252' }, [row([cell, ''], 'x')]);
    expect(file.includes(Buffer.from(bytes))).to.equal(true);
  });

  it('is read without its last column, and as some of the rows alone', async () => {
    const table: RecordTable = {
      header: ['id', 'nombres', 'nota'],
      delimiter: ';',
      encoding: 'windows-1252',
      bom: false,
    };
    const rows = [
      row(['1', 'Ñandú', '1A'], 'x'),
      row(['2', 'Eva'], 'y'),
      row(['3', 'Paz', '1', 'B'], 'z'),
      row(['', '', ''], 'w'),
    ];
    const { records, issues } = await readCsv(failedRowsCsv(table, rows), 'students', { metadata: '*' });
    expect(records).to.have.length(2);
    expect(records[0]).to.deep.include({
      externalId: '1',
      givenName: 'Ñandú',
      metadata: { nota: '1A' },
      cells: ['1', 'Ñandú', '1A'],
    });
    expect(records[1]).to.deep.include({ externalId: '2', metadata: {}, cells: ['2', 'Eva', ''] });
    // What is too long is so until somebody puts it right.
    const [ragged] = issues.filter(({ severity }) => severity === 'error');
    expect(ragged).to.deep.include({ rule: 'row.ragged', cells: ['3', 'Paz', '1', 'B'] });
  });

  it("leaves a school's own column named error alone where it is not the last one, or where the config names it", async () => {
    const own = await readCsv('id,error,nombres\n1,none,Ana\n', 'students', { metadata: '*' });
    expect(own.records[0]).to.deep.include({ metadata: { error: 'none' } });
    const named = await readCsv('id,nombres,error\n1,Ana,a-1\n', 'students', {
      columns: { students: { code: 'error' } },
    });
    expect(named.records[0]).to.deep.include({ code: 'a-1' });
  });
});

describe('a list of failed records', () => {
  it('is UTF-8 with a mark, and holds no formulas', () => {
    const reason = 'teachers "P1": email "=x" is bad';
    const list = failedRecordsCsv([{ externalId: 'P1', column: 'email', value: '=x', reason }]);
    expect(String(list)).to.equal(
      '\uFEFFexternal_id,column,value,reason\r\nP1,email,\'=x,"teachers ""P1"": email ""=x"" is bad"\r\n',
    );
  });
});

describe('the cells of a row', () => {
  it('are stored whole, also what PostgreSQL does not store', () => {
    const cells = ['', 'a\0b', '\u2400', '\u24000', '\0\u2400\0', 'Ñ 🎓 "\\u0000"'];
    const stored = toStoredCells(cells);
    expect(stored).to.not.match(/(?<!\\)\\u0000/);
    expect(fromStoredCells(JSON.parse(stored))).to.deep.equal(cells);
    expect(JSON.parse(toStoredCells(['\ud83c']))).to.deep.equal(['\ufffd']);
  });
});

describe('the sentence of an issue', () => {
  const issue = { severity: 'warning', rule: 'x', problem: 'email "x" is not a valid address' } as const;
  it('names file and line, or the record where there is no line', () => {
    expect(describeIssue({ ...issue, file: 'teachers.csv', line: 3, externalId: 'P1' }, 'teachers')).to.match(
      /^teachers\.csv line 3: email/,
    );
    expect(describeIssue({ ...issue, externalId: 'P111' }, 'teachers')).to.equal(
      'teachers "P111": email "x" is not a valid address',
    );
    expect(describeIssue(issue, 'teachers')).to.equal('teachers: email "x" is not a valid address');
    const own = { ...issue, problem: 'teacher "P1" has no name', externalId: 'P1' };
    expect(describeIssue(own, 'teachers')).to.equal('teachers: teacher "P1" has no name');
  });
});

describe('the name of a file to save', () => {
  it('is plain in the header, and exact beside it where it is not plain', () => {
    expect(attachment('students-errors.csv')).to.equal('attachment; filename="students-errors.csv"');
    expect(attachment('año "2"\r\n(b).csv')).to.equal(
      `attachment; filename="a_o _2___(b).csv"; filename*=UTF-8''a%C3%B1o%20%222%22%0D%0A%28b%29.csv`,
    );
  });
});

describe('the failed rows of a run', () => {
  const HEAD = 'id;nombres;apellidos;grupo;fono';
  const GROUPS = 'id,nombre\nG1,1A\n';
  const cellsOf = (content: Uint8Array, delimiter = ';') =>
    parse(Buffer.from(content), { delimiter, relax_column_count: true }) as string[][];

  async function synced(csv: Record<string, string>) {
    const { integrationService } = await sharedServices();
    const school = await newSchool(csv);
    const sync = (type: Type | 'ALL') => integrationService.syncData(school.integrationId, type);
    const exported = (runId: string, file?: string) =>
      integrationService.exportSyncIssues(school.integrationId, runId, { file });
    return { ...school, sync, exported };
  }

  it('come as they were, whenever their errors were found', async () => {
    const rows = [
      '1;Ana;Soto;G1;a',
      '2;Eva',
      '1; Ana ;=Soto;G1;"b;b"',
      '3;Luz;Paz;G9;c',
      ';Pía;Paz;;d',
      '4;;;G1;e',
      '5;Ada;Paz;G1;f',
    ];
    const { sync, exported } = await synced({
      'groups.csv': GROUPS,
      'students.csv': `${HEAD}\n${rows.join('\n')}\n`,
    });
    await sync(Type.GROUP);
    for (const round of ['first', 'again']) {
      const { runId } = await sync(Type.STUDENT);
      const { fileName, contentType, content } = await exported(runId);
      expect([fileName, contentType], round).to.deep.equal([
        'students-errors.csv',
        'text/csv; charset=utf-8',
      ]);
      const [header, ...found] = cellsOf(content);
      expect(header).to.deep.equal([...HEAD.split(';'), 'error']);
      expect(found.map((cells) => cells.slice(0, 5).join('|'))).to.deep.equal([
        '2|Eva|||',
        '1| Ana |=Soto|G1|b;b',
        '3|Luz|Paz|G9|c',
        '|Pía|Paz||d',
        '4|||G1|e',
      ]);
      expect(found.map((cells) => cells[5])).to.deep.equal([
        'line 3: the row has 2 columns where the header has 5. Look for a delimiter too many or too few; a value that holds the delimiter needs quotes around it',
        'line 4: student id "1" is already on line 2; the first one counts. Remove one of the two rows, or give each its own id',
        'line 5: group "G9" is not known. Correct the id, or sync GROUP first',
        "line 6: the row has no id. Every row needs the id it has in the school's system",
        'line 7: student "4" has no name. Fill in nombres or apellidos',
      ]);
    }
  });

  it('say in one sentence what else is wrong in them', async () => {
    const { sync, exported } = await synced({ 'students.csv': 'id,nombres,correo\n1,,ana@\n2,Eva,eva@\n' });
    const { runId } = await sync(Type.STUDENT);
    const [, ...found] = cellsOf((await exported(runId)).content, ',');
    expect(found).to.have.length(1);
    expect(found[0]?.[3]).to.match(
      /^line 2: correo "ana@" is not a valid address\. Correct .*; student "1" has no name\. Fill in nombres/,
    );
  });

  it('are those of the entities, unless another file is asked for or has them alone', async () => {
    const memberships = 'grupo_id,persona_id,rol\nG1,1,alumno\nG1,"9",alumno\nG9,1,alumna\nG1,1,chef\n';
    const { sync, exported, write } = await synced({
      'groups.csv': GROUPS,
      'students.csv': 'id,nombres\n1,Ana\n,Eva\n',
      'memberships.csv': memberships,
    });
    await sync(Type.GROUP);
    const { runId } = await sync(Type.STUDENT);
    expect(cellsOf((await exported(runId)).content, ',')[1]?.slice(0, 2)).to.deep.equal(['', 'Eva']);
    const others = await exported(runId, 'memberships.csv');
    expect(others.fileName).to.equal('memberships-errors.csv');
    expect(cellsOf(others.content, ',').map((cells) => cells.slice(0, 3))).to.deep.equal([
      ['grupo_id', 'persona_id', 'rol'],
      ['G1', '9', 'alumno'],
      ['G9', '1', 'alumna'],
      ['G1', '1', 'chef'],
    ]);
    const nothing = await exported(runId, 'groups.csv').catch((error: unknown) => error);
    expect(nothing).to.deep.include({ code: 'not_found', reason: 'NO_FAILED_ROWS' });
    expect((nothing as Error).message).to.equal(
      'No row of "groups.csv" failed in this run. Rows failed in memberships.csv, students.csv.',
    );
    await write({ 'students.csv': 'id,nombres\n1,Ana\n' });
    const alone = await sync(Type.STUDENT);
    expect((await exported(alone.runId)).fileName).to.equal('memberships-errors.csv');
  });

  it('of a run of everything are those of its parts', async () => {
    const { sync, exported } = await synced({
      'courses.csv': 'id,nombre\nC1,Arte\n',
      'teachers.csv': 'id,nombres\nT1,Ana\n,Eva\n,Luz\n',
      'groups.csv': GROUPS,
      'students.csv': 'id,nombres\n1,Ana\n,Pía\n',
    });
    const { runId } = await sync('ALL');
    expect((await exported(runId)).fileName).to.equal('teachers-errors.csv');
    expect((await exported(runId, 'students.csv')).fileName).to.equal('students-errors.csv');
  });

  it('that come back corrected leave all others and their groups alone', async () => {
    const { integrationService } = await sharedServices();
    const many = Array.from({ length: 30 }, (_, index) => `S${index},Ana,S${index}@x.cl`).join('\n');
    const members = Array.from({ length: 30 }, (_, index) => `G1,S${index},alumno`).join('\n');
    const { integrationId, sync, exported, write } = await synced({
      'groups.csv': GROUPS,
      'students.csv': `id,nombres,correo\n${many}\nS99,,\n`,
      'memberships.csv': `grupo_id,persona_id,rol\n${members}\nG1,S999,alumno\n`,
    });
    await sync(Type.GROUP);
    const { runId } = await sync(Type.STUDENT);
    const students = String(Buffer.from((await exported(runId)).content)).replace('S99,,', 'S99,Zoe,');
    const memberships = String(Buffer.from((await exported(runId, 'memberships.csv')).content)).replace(
      'S999',
      'S99',
    );
    await write({ 'students.csv': students, 'memberships.csv': memberships });
    for (const expected of [
      { created: 1, updated: 0, unchanged: 0, missing: 0 },
      { created: 0, updated: 0, unchanged: 1, missing: 0 },
    ]) {
      const report = await sync(Type.STUDENT);
      expect(report).to.deep.include({
        success: true,
        errors: [],
        gaps: ['Only some students were given.', 'Only some memberships were given.'],
      });
      expect(report.counts).to.deep.include(expected);
      expect(report.membershipCounts).to.deep.include({ failed: 0, deactivated: 0 });
      const none = await exported(report.runId).catch((error: unknown) => error);
      expect(none).to.deep.include({
        code: 'not_found',
        reason: 'NO_FAILED_ROWS',
        message: 'No row failed in this run.',
      });
    }
    // The list of all is a list of all again.
    await write({
      'students.csv': `id,nombres,correo\n${many}\n`,
      'memberships.csv': `grupo_id,persona_id,rol\n${members}\n`,
    });
    const whole = await sync(Type.STUDENT);
    expect(whole.gaps).to.deep.equal([]);
    expect(whole.counts).to.deep.include({ missing: 1 });
    expect((await integrationService.listSyncIssues(integrationId, whole.runId)).items).to.deep.equal([]);
  });

  it('keep what is known of them when their file went away', async () => {
    const { sync, exported, folder } = await synced({});
    const { integrationId, institutionId } = await newSchool();
    const { database, integrationService } = await sharedServices();
    const syncs = syncServiceOf(database, neverRead);
    const source: RecordSource = {
      entities: (async function* () {
        yield {
          file: 'students.csv',
          table: PLAIN,
          columns: { externalId: 'id', givenName: 'nombre' },
          records: [
            { externalId: '1', givenName: 'Ana', line: 2, cells: ['1', 'Ana'] },
            { externalId: '1', givenName: 'Eva', line: 3, cells: ['1', 'Eva'] },
          ],
        };
      })(),
      async *rowsAgain() {
        yield* [];
        throw new Error('gone');
      },
    };
    const key = { integrationId, institutionId, entityType: Type.STUDENT };
    const { runId, success } = await syncs.syncPushed(key, source, syncPolicy.parse({}));
    expect(success).to.equal(true);
    const { content } = await integrationService.exportSyncIssues(integrationId, runId);
    expect(cellsOf(content, ',')[1]?.slice(0, 2)).to.deep.equal(['1', '']);
    await rm(join(folder, 'students.csv'), { force: true });
    const { runId: failed } = await sync(Type.STUDENT);
    expect(await exported(failed).catch((error: unknown) => error)).to.deep.include({
      reason: 'NO_FAILED_ROWS',
    });
  });

  it('of a source without files are a list', async () => {
    const { database, integrationService } = await sharedServices();
    const { integrationId, institutionId } = await newSchool();
    const syncs = syncServiceOf(database, neverRead);
    const entities = (async function* () {
      yield [
        { externalId: 'P1', givenName: 'Ana', email: 'ana@' },
        { externalId: 'P2' },
        { externalId: null, givenName: 'Eva' },
      ];
    })();
    const { runId, errors } = await syncs.syncPushed(
      { integrationId, institutionId, entityType: Type.TEACHER },
      { entities },
      syncPolicy.parse({}),
    );
    expect(errors).to.deep.equal(['teachers: teacher "P2" has no name', 'teachers: the row has no id']);
    const { items } = await integrationService.listSyncIssues(integrationId, runId, { severity: 'WARNING' });
    expect(items.map(({ message }) => message)).to.deep.equal([
      'teachers "P1": email "ana@" is not a valid address',
    ]);
    const { fileName, contentType, content } = await integrationService.exportSyncIssues(
      integrationId,
      runId,
    );
    expect([fileName, contentType]).to.deep.equal(['teachers-errors.csv', 'text/csv; charset=utf-8']);
    expect(String(Buffer.from(content)).split('\r\n')).to.deep.equal([
      '\uFEFFexternal_id,column,value,reason',
      'P2,"givenName, familyName",,"teachers: teacher ""P2"" has no name. Fill in givenName or familyName"',
      ",externalId,,teachers: the row has no id. Every row needs the id it has in the school's system",
      '',
    ]);
  });

  it('are not those of another integration', async () => {
    const { integrationService } = await sharedServices();
    const { sync } = await synced({ 'students.csv': 'id,nombres\n,Ana\n' });
    const { runId } = await sync(Type.STUDENT);
    const { integrationId } = await newSchool();
    for (const [id, reason] of [
      [integrationId, 'SYNC_RUN_NOT_FOUND'],
      [randomUUID(), 'INTEGRATION_NOT_FOUND'],
    ] as const) {
      const error = await integrationService.exportSyncIssues(id, runId).catch((thrown: unknown) => thrown);
      expect(error).to.deep.include({ code: 'not_found', reason });
    }
  });
});
