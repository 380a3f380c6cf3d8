import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { csvConfig } from '../../../src/connectors/generic-csv/csv-config.js';
import type { CsvFile } from '../../../src/connectors/generic-csv/csv-file.js';
import { CsvSource } from '../../../src/connectors/generic-csv/csv-source.js';
import { tempFolder } from '../../support/temp-folder.js';
import { type Cell, rowOf, type WorkbookOptions, writeWorkbook, zipOf } from '../../support/workbook.js';
import { inFolder, onS3, readCsv, type Storage } from './read-csv.js';

const HEAD = ['id', 'nombres', 'apellidos'];
const ANA = ['1', 'Ana', 'Soto'];
const ana = { externalId: '1', givenName: 'Ana', familyName: 'Soto' };
const files = { students: 'students.xlsx' };
const all = { files, metadata: '*' };

/** Reads the students of a workbook. */
async function read(options: WorkbookOptions, config: object = {}, storage: Storage = inFolder) {
  return readCsv(await writeWorkbook(options), 'students', { ...all, ...config }, storage);
}

/** What a cell below the header "dato" comes to; '' of an empty one. */
async function textOf(cell: Cell, options: Omit<WorkbookOptions, 'sheets'> = {}): Promise<unknown> {
  const { records } = await read({
    sheets: [
      {
        rows: [
          [...HEAD, 'dato'],
          [...ANA, cell],
        ],
      },
    ],
    ...options,
  });
  expect(records).to.have.length(1);
  return (records[0]?.metadata as Record<string, string> | undefined)?.dato ?? '';
}

async function failureOf(reading: Promise<unknown>): Promise<string> {
  const error = await reading.then(
    () => undefined,
    (thrown: Error) => thrown,
  );
  expect(error?.name).to.equal('ConnectorError');
  return (error as Error).message;
}

describe('a workbook of Excel', () => {
  const whole: WorkbookOptions = {
    sheets: [
      {
        dimension: 'A1:C3',
        rows: [
          HEAD.map((_, index): Cell => ['t="s"', `<v>${index}</v>`]),
          [1, ['t="s"', '<v>3</v>'], ['t="s"', '<v>4</v>']],
          [2, 'Pía', 'Ñuñez & "Cía"; x'],
        ],
      },
    ],
    strings: [
      '<t>id</t>',
      '<t>nombres</t>',
      '<t>apellidos</t>',
      '<t>Ana</t>',
      '<r><t>So</t></r><r><t>to</t></r>',
    ],
  };
  const pia = { externalId: '2', givenName: 'Pía', familyName: 'Ñuñez & "Cía"; x', line: 3 };

  for (const [where, storage] of [
    ['a folder', inFolder],
    ['a bucket of S3', onS3],
  ] as const) {
    it(`is read from ${where}, shared texts and inline ones, each row with its number`, async () => {
      const { records, issues } = await read(whole, {}, storage);
      expect(issues).to.deep.equal([]);
      expect(records).to.have.length(2);
      expect(records[0]).to.include({ ...ana, line: 2 });
      expect(records[1]).to.include(pia);
    });
  }

  it('is read whatever prefix its tags have, and however its parts are named', async () => {
    for (const form of [{ prefix: 'x:' }, { absolute: true }, { absolute: true, folder: 'Libro' }]) {
      const prefixed = form.prefix
        ? { strings: whole.strings?.map((text) => text.replaceAll(/(<\/?)/g, '$1x:')) }
        : {};
      const rows = whole.sheets?.[0]?.rows?.map(
        (row) =>
          row?.map(
            (cell): Cell =>
              Array.isArray(cell) && form.prefix
                ? [cell[0], cell[1].replaceAll(/(<\/?)/g, '$1x:')]
                : (cell as Cell),
          ) ?? null,
      );
      const { records } = await read({ ...whole, ...prefixed, ...form, sheets: [{ rows: rows ?? [] }] });
      expect(records.map(({ externalId }) => externalId)).to.deep.equal(['1', '2']);
      expect(records[0]).to.include(ana);
    }
  });

  it('is read without shared texts, without styles, and without the numbers of its rows and cells', async () => {
    const cell = (text: string) => `<c t="inlineStr"><is><t>${text}</t></is></c>`;
    const row = (cells: string[]) => `<row>${cells.map(cell).join('')}</row>`;
    const { records } = await read({
      sheets: [{ data: row(HEAD) + row(ANA) }],
      parts: { 'xl/styles.xml': null },
    });
    expect(records[0]).to.include({ ...ana, line: 2 });
  });

  it('keeps the numbers of rows where rows are left out, and fills up rows that end early', async () => {
    const rows = [null, null, [...HEAD, 'nota'], null, [...ANA], null, null, ['2', 'Pía', 'Paz', 'x']];
    const { records, issues } = await read({ sheets: [{ rows, dimension: 'A1' }] });
    expect(issues).to.deep.equal([]);
    expect(records.map(({ line }) => line)).to.deep.equal([5, 8]);
  });

  it('is read although it says another size than it has, or one that goes on to the last column', async () => {
    for (const dimension of ['A1', 'A1:B1', 'A1:XFD1048576', 'A1:C1048576', 'nonsense']) {
      const { records, issues } = await read({ sheets: [{ rows: [HEAD, ANA], dimension }] });
      expect(issues, dimension).to.deep.equal([]);
      expect(records[0], dimension).to.include(ana);
    }
  });

  it('leaves a note beside the list alone where the sheet says that it is so wide', async () => {
    const rows = [HEAD, ANA, ['2', 'Pía', 'Paz', null, 'llamar']];
    const { records, issues } = await read({ sheets: [{ rows, dimension: 'A1:E3' }] });
    expect(issues).to.deep.equal([]);
    expect(records).to.have.length(2);
  });

  it('has its header found below merged titles, with a warning', async () => {
    const rows = [['Colegio San Martín'], ['Nómina 2026'], null, HEAD, ANA];
    const after = '<mergeCells count="1"><mergeCell ref="A1:C1"/></mergeCells>';
    const { records, issues } = await read({ sheets: [{ rows, after }] });
    expect(records[0]).to.include({ ...ana, line: 5 });
    expect(issues.map(({ rule, file }) => `${rule} ${file}`)).to.deep.equal(['file.titles students.xlsx']);
    expect(issues[0]?.problem).to.contain('line 4').and.contain('Colegio San Martín / Nómina 2026');
  });

  it('is read at its first sheet that is not hidden, or at the one that the settings name', async () => {
    const sheets = [
      { name: 'Listas', state: 'veryHidden', rows: [['x']] },
      { name: 'Alumnos', rows: [HEAD, ANA] },
      { name: 'Retirados', rows: [HEAD, ['9', 'Eva', 'Paz']] },
    ];
    const ids = async (config: object) =>
      (await read({ sheets }, config)).records.map(({ externalId }) => externalId);
    expect(await ids({})).to.deep.equal(['1']);
    expect(await ids({ sheet: 'retirados ' })).to.deep.equal(['9']);
    expect(await ids({ sheet: { students: 'Retirados' } })).to.deep.equal(['9']);
    expect(await failureOf(read({ sheets }, { sheet: 'Curso' }))).to.match(
      /^students\.xlsx has no sheet "Curso".*"Listas", "Alumnos", "Retirados"/,
    );
  });

  it('names its sheet in issues where the settings say a sheet for each list', async () => {
    const sheets = [{ name: 'Alumnos', rows: [HEAD, ['#N/A', 'Ana', 'Soto']] }];
    const { issues } = await read({ sheets }, { sheet: { students: 'Alumnos' } });
    expect(issues).to.have.length(1);
  });

  describe('has a cell read as', () => {
    const styled = (style: number, value: number | string): Cell => [`s="${style}"`, `<v>${value}</v>`];
    for (const [what, format, value, expected] of [
      ['a plain number', 'General', '12345678', '12345678'],
      ['a large number without exponent', 'General', '1.2E7', '12000000'],
      ['a larger number without exponent', 'General', '1.23456789012E+17', '123456789012000000'],
      ['a small number without exponent', 'General', '1E-7', '0.0000001'],
      ['a decimal number without the noise of its last bits', 'General', '0.30000000000000004', '0.3'],
      ['a number with zeros in front where its format has them', '00000000', '1234567', '01234567'],
      ['a number with the signs of its format', '00000000-0', '123456785', '12345678-5'],
      ['a number without the separators of thousands', '#,##0', '12345678', '12345678'],
      ['a number without the zeros of decimals', '0.00', '12345678', '12345678'],
      ['a number without the exponent of its format', '0.00E+00', '12345678', '12345678'],
      ['a share as the number it is', '0%', '0.5', '0.5'],
      ['a negative number as it is', '00000', '-12', '-12'],
      ['a date', 'dd/mm/yyyy', '40179', '2010-01-01'],
      ['a date in words', '[$-340A]d "de" mmmm "de" yyyy;@', '40179', '2010-01-01'],
      ['a date of a built-in format', 14, '40179', '2010-01-01'],
      ['a date before the leap day that never was', 'yyyy-mm-dd', '59', '1900-02-28'],
      ['a date after it', 'yyyy-mm-dd', '61', '1900-03-01'],
      ['a date and its time', 'dd/mm/yyyy hh:mm', '40179.5', '2010-01-01T12:00:00'],
      ['a time', 'hh:mm', '0.3333333333333333', '08:00:00'],
      ['a time in minutes', 'mm:ss', '0.5', '12:00:00'],
      ['a date that is beyond the calendar as its number', 'yyyy-mm-dd', '99999999', '99999999'],
      ['a number of a format that is broken', '[[[', '7', '7'],
    ] as const) {
      it(`${what} (${format})`, async () => {
        expect(await textOf(styled(1, value), { formats: [format] })).to.equal(expected);
      });
    }

    it('a date that is counted from 1904 on', async () => {
      const cell = styled(1, '38717');
      expect(await textOf(cell, { formats: ['dd/mm/yyyy'], date1904: true })).to.equal('2010-01-01');
    });

    for (const [what, cell, expected] of [
      ['the stored result of a formula', ['t="str"', '<f>A1&amp;"x"</f><v>1Ax</v>'], '1Ax'],
      ['the stored number of a formula', ['', '<f>SUM(1,2)</f><v>3</v>'], '3'],
      ['a yes or no', ['t="b"', '<v>1</v>'], 'true'],
      ['a date that is written as one', ['t="d"', '<v>2010-01-01T00:00:00</v>'], '2010-01-01'],
      ['a text with a line break as one line', 'a\r\nb', 'a b'],
      [
        'a text in runs, without how it is pronounced',
        ['t="inlineStr"', '<is><r><t>a</t></r><r><t>b</t></r><rPh sb="0" eb="1"><t>z</t></rPh></is>'],
        'ab',
      ],
      ['a character that XML lacks', ['t="inlineStr"', '<is><t>a_x0009_b_x005F_x</t></is>'], 'a\tb_x'],
      [
        'a text that is not XML, as CDATA',
        ['t="inlineStr"', '<is><t><![CDATA[<a> & b]]></t></is>'],
        '<a> & b',
      ],
      ['nothing where only a style is', ['s="0"', ''], ''],
    ] as const) {
      it(`${what}`, async () => expect(await textOf(cell)).to.equal(expected));
    }
  });

  it('keeps rows out whose formulas have no result, by row and column, where the value matters', async () => {
    const failing = (text: string): Cell => ['t="e"', `<f>VLOOKUP(1,2,3)</f><v>${text}</v>`];
    const unknown: Cell = ['', '<f>A1+1</f>'];
    const rows = [
      [...HEAD, 'correo', 'dato'],
      [failing('#N/A'), 'Ana', 'Soto', 'a@x.cl', 'x'],
      ['2', 'Pía', failing('#REF!'), 'a@x.cl', 'x'],
      [unknown, 'Eva', 'Paz', 'a@x.cl', 'x'],
      ['4', 'Luz', 'Vera', failing('#N/A'), failing('#N/A')],
    ];
    const { records, issues } = await read({ sheets: [{ rows }] });
    expect(
      issues.map(({ severity, rule, line, column, value }) => [severity, rule, line, column, value]),
    ).to.deep.equal([
      ['error', 'value.formula', 2, 'id', '#N/A'],
      ['error', 'value.formula', 3, 'apellidos', '#REF!'],
      ['error', 'value.formula', 4, 'id', '#FORMULA!'],
    ]);
    expect(records).to.have.length(1);
    expect(records[0]).to.include({ externalId: '4' });
    expect(records[0]?.metadata ?? {}).to.not.have.property('dato');
  });

  describe('is refused in one sentence', () => {
    const good = () => writeWorkbook({ sheets: [{ rows: [HEAD, ANA] }] });
    const readBytes = (bytes: Buffer | string) => readCsv(bytes, 'students', all);

    it('where it is cut off or damaged, wherever that is', async () => {
      const bytes = await good();
      for (let end = 4; end < bytes.length; end += 97) {
        expect(await failureOf(readBytes(bytes.subarray(0, end)))).to.match(/^students\.xlsx /);
      }
      for (let at = 4; at < bytes.length; at += 61) {
        const bent = Buffer.from(bytes);
        bent[at] = (bent[at] as number) ^ 0xff;
        // A bit may say nothing of the list; what it must not do is come out as another error.
        const error = await readBytes(bent).catch((thrown: Error) => thrown);
        if (error instanceof Error)
          expect(error.name, `byte ${at}: ${error.message}`).to.equal('ConnectorError');
      }
    });

    for (const [what, bytes, sentence] of [
      [
        'a CSV file by that name',
        async () => Buffer.from('id,nombres\n1,Ana\n'),
        /no workbook.*end in \.csv/,
      ],
      [
        'an old workbook by that name',
        async () => Buffer.from(`d0cf11e0a1b11ae1${'00'.repeat(99)}`, 'hex'),
        /old Excel \(\.xls\)\. Open it there/,
      ],
      ['an empty file', async () => Buffer.alloc(0), /is empty/],
      [
        'a zip of other files',
        () => zipOf({ 'students.csv': 'id,nombres\n1,Ana\n' }),
        /no workbook of Excel/,
      ],
      ['a sheet without rows', () => writeWorkbook({ sheets: [{}] }), /is empty/],
      ['a workbook without sheets', () => writeWorkbook({ sheets: [] }), /no sheets/],
      [
        'a sheet whose part is missing',
        () => writeWorkbook({ sheets: [{ rows: [HEAD] }], parts: { 'xl/worksheets/sheet1.xml': null } }),
        /sheet1\.xml is missing/,
      ],
      [
        'a cell of a text that is not there',
        () => writeWorkbook({ sheets: [{ rows: [[['t="s"', '<v>7</v>']]] }] }),
        /refers to the text 7/,
      ],
      [
        'XML that is not closed',
        () => writeWorkbook({ sheets: [{ data: '<row r="1"><c>' }] }),
        /cannot be read as a workbook/,
      ],
      [
        'rows that go back',
        () => writeWorkbook({ sheets: [{ data: `${rowOf(HEAD, 2)}${rowOf(ANA, 1)}` }] }),
        /row 1 stands behind row 2/,
      ],
      [
        'a row beyond the last',
        () =>
          writeWorkbook({ sheets: [{ data: `${rowOf(HEAD, 1)}<row r="99999999"><c><v>1</v></c></row>` }] }),
        /more than 1048576 rows/,
      ],
      [
        'a column beyond a thousand',
        () =>
          writeWorkbook({ sheets: [{ data: `${rowOf(HEAD, 1)}<row r="2"><c r="XFD2"><v>1</v></c></row>` }] }),
        /more than 1000 columns/,
      ],
    ] as const) {
      it(`where it is ${what}`, async () => {
        expect(await failureOf(readBytes(await bytes())))
          .to.match(/^students\.xlsx /)
          .and.match(sentence);
      });
    }
  });

  it('never makes a process run out of memory, however it is made to', async function () {
    this.timeout(240_000);
    const folder = await tempFolder();
    const MIB = 1024 * 1024;
    const long = 'x'.repeat(32_000);
    const bombs: Record<string, [WorkbookOptions, RegExp]> = {
      'a sheet of a gibibyte': [
        { parts: { 'xl/worksheets/sheet1.xml': Buffer.alloc(300 * MIB, '<row/>') } },
        /unpacks to more than|cannot be read/,
      ],
      'a text without an end': [
        {
          sheets: [{ data: `<row r="1"><c t="inlineStr"><is><t>${'x'.repeat(8 * MIB)}</t></is></c></row>` }],
        },
        /text of more than/,
      ],
      'a long text in every cell': [
        {
          strings: [`<t>${long}</t>`],
          sheets: [{ data: `<row>${'<c t="s"><v>0</v></c>'.repeat(900)}</row>`.repeat(2_000) }],
        },
        /more than 1,000,000 characters/,
      ],
      'a long text in every row': [
        {
          strings: [`<t>${long}</t>`],
          sheets: [{ data: rowOf(HEAD, 1) + '<row><c t="s"><v>0</v></c></row>'.repeat(100_000) }],
        },
        /more than 256 MiB of text/,
      ],
      'texts that nobody refers to': [
        {
          strings: Array.from({ length: 2_200 }, () => `<t>${randomBytes(16_000).toString('hex')}</t>`),
          sheets: [{ rows: [HEAD] }],
        },
        /texts are more than 64 MiB/,
      ],
      'sheets without end, each of which is looked for': [
        {
          parts: {
            'xl/workbook.xml': `<workbook><sheets>${'<sheet name="A" id="q99999"/>'.repeat(100_000)}</sheets></workbook>`,
          },
        },
        /more than 2000 sheets/,
      ],
      'parts without end that it names': [
        {
          parts: {
            'xl/_rels/workbook.xml.rels': `<Relationships>${Array.from({ length: 100_000 }, (_, n) => `<Relationship Id="q${n}" Type="x/worksheet" Target="a"/>`).join('')}</Relationships>`,
          },
        },
        /names more than 2000 parts/,
      ],
      'rows that are all but empty': [
        { sheets: [{ data: `${rowOf(HEAD, 1)}${'<row/>'.repeat(1_200_000)}` }] },
        /more than 1048576 rows/,
      ],
    };
    const reader = new URL('./read-workbook.js', import.meta.url).pathname;
    for (const [what, [options, sentence]] of Object.entries(bombs)) {
      const path = join(folder, 'students.xlsx');
      await writeFile(path, await writeWorkbook(options));
      const { stdout } = await promisify(execFile)(
        process.execPath,
        ['--max-old-space-size=256', reader, folder],
        {
          timeout: 120_000,
        },
      );
      const { message, rssMib } = JSON.parse(stdout || '{}') as { message?: string; rssMib: number };
      expect(message, what)
        .to.match(/^students\.xlsx /)
        .and.match(sentence);
      expect(rssMib, what).to.be.below(700);
    }
  });

  it('is held in memory by two at once who look at it, however many want to, and none waits for ever', async () => {
    const bytes = await writeWorkbook({ sheets: [{ rows: [HEAD, ANA] }] });
    let held = 0;
    let most = 0;
    const open = async (name: string): Promise<CsvFile | undefined> => {
      let isHeld = false;
      if (name !== 'students.xlsx') return undefined;
      return {
        name,
        sizeBytes: bytes.length,
        modifiedAt: new Date(),
        async *read() {
          isHeld = true;
          held += 1;
          most = Math.max(most, held);
          yield bytes;
        },
        async close() {
          if (isHeld) held -= 1;
          isHeld = false;
        },
      };
    };
    const { signal } = new AbortController();
    const config = csvConfig.parse({ importPath: '.' });
    const looks = Array.from({ length: 12 }, (_, n) => {
      const source = new CsvSource({ config, folder: { open }, signal, integrationId: 'any' });
      return n % 2 === 0 ? source.understand('students') : source.look('students');
    });
    expect((await Promise.all(looks)).length).to.equal(12);
    expect([held, most]).to.deep.equal([0, 2]);
  });

  it('takes a format that is longer than Excel has any for none, rather than work it out for each cell', async () => {
    const rows = Array.from({ length: 2_000 }, (): Cell[] => [['s="1"', '<v>7</v>'], 'Ana', 'Soto']);
    const begun = performance.now();
    const { records } = await read({ sheets: [{ rows: [HEAD, ...rows] }], formats: ['0'.repeat(900_000)] });
    expect(records).to.have.length(2_000);
    expect(records[0]).to.include({ externalId: '7' });
    // It took minutes.
    expect(performance.now() - begun).to.be.below(10_000);
  });

  it('has no entity of its own filled in, and reads nothing that lies outside of it', async () => {
    const laughs = `<!DOCTYPE sst [<!ENTITY a "${'x'.repeat(1_000)}"><!ENTITY b "${'&a;'.repeat(1_000)}"><!ENTITY c "${'&b;'.repeat(1_000)}"><!ENTITY f SYSTEM "file:///etc/passwd">]>`;
    const rows: Cell[][] = [HEAD, ['1', ['t="s"', '<v>0</v>'], ['t="s"', '<v>1</v>']]];
    const strings = `${laughs}<sst><si><t>&c;</t></si><si><t>&f;</t></si></sst>`;
    const { records } = await read({
      sheets: [{ rows }],
      strings: ['<t/>'],
      parts: { 'xl/sharedStrings.xml': strings },
    });
    expect(records[0]).to.include({ externalId: '1', givenName: '&c;', familyName: '&f;' });
    for (const target of ['../../../../etc/passwd', '/etc/passwd', 'file:///etc/passwd']) {
      const relations = `<Relationships><Relationship Id="rId1" Type="x/worksheet" Target="${target}"/></Relationships>`;
      const parts = { 'xl/_rels/workbook.xml.rels': relations };
      expect(await failureOf(read({ sheets: [{ rows }], parts })), target).to.match(/passwd is missing/);
    }
    // Entries of the zip that would be put elsewhere, were it unpacked.
    const bytes = await writeWorkbook({ sheets: [{ rows: [HEAD, ANA] }], parts: { 'xx/evil.txt': 'x' } });
    for (const name of ['../evil.txt', '/x/evil.txt', 'C:/evil.txt']) {
      const bent = bytes.toString('latin1').replaceAll('xx/evil.txt', name);
      expect(await failureOf(readCsv(Buffer.from(bent, 'latin1'), 'students', all)), name).to.match(
        /cannot be read as a workbook \((?:invalid relative|absolute) path/,
      );
    }
  });

  it('is read at the first of two sheets of one name', async () => {
    const two = [
      { name: 'A', rows: [HEAD, ANA] },
      { name: 'A', rows: [HEAD, ['9', 'Eva', 'Paz']] },
    ];
    const { records } = await read({ sheets: two }, { sheet: 'A' });
    expect(records.map(({ externalId }) => externalId)).to.deep.equal(['1']);
  });

  it('is passed over where a CSV file of the same list is there, with a warning if it is newer', async () => {
    const folder = await inFolder('students.csv', Buffer.from('id,nombres,apellidos\n1,Ana,Soto\n'));
    const other = await inFolder(
      'students.xlsx',
      await writeWorkbook({ sheets: [{ rows: [HEAD, ['9', 'Eva', 'Paz']] }] }),
    );
    const later = (file?: CsvFile) => file && { ...file, modifiedAt: new Date(Date.now() + 60_000) };
    const both: Storage = async () => ({
      open: async (name) => (await folder.open(name)) ?? later(await other.open(name)),
    });
    const { records, issues } = await readCsv('', 'students', {}, both);
    expect(records.map(({ externalId }) => externalId)).to.deep.equal(['1']);
    expect(issues.map(({ rule, problem }) => `${rule}: ${problem}`)).to.deep.equal([
      'file.newer: students.xlsx is newer than students.csv, which was read',
    ]);
  });

  it('is read in place of a CSV file that is not there', async () => {
    const bytes = await writeWorkbook({ sheets: [{ rows: [HEAD, ANA] }] });
    const named: Storage = (_, content) => inFolder('students.xlsx', content);
    expect((await readCsv(bytes, 'students', {}, named)).records[0]).to.include(ana);
  });
});
