import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { packageRoot } from '../../../examples/package-root.js';
import type { FileKind } from '../../../src/connectors/generic-csv/csv-config.js';
import { csvConfig } from '../../../src/connectors/generic-csv/csv-config.js';
import { takeFile } from '../../../src/connectors/generic-csv/take-file.js';
import { createPathJail } from '../../../src/security/index.js';
import { tempFolder } from '../../support/temp-folder.js';
import { readCsv } from './read-csv.js';

/** How they were made: test/fixtures/workbooks/README.md. */
const fixture = (name: string) => readFile(join(packageRoot, 'test/fixtures/workbooks', name));

async function refusal(reading: Promise<unknown>): Promise<string> {
  const error = await reading.then(
    () => undefined,
    (thrown: Error) => thrown,
  );
  expect(error?.name).to.equal('ConnectorError');
  return (error as Error).message;
}

describe('a workbook that LibreOffice wrote', () => {
  it('is read as a person sees it: ids, dates, formulas, texts of two fonts, line breaks, shares', async () => {
    const config = { files: { students: 'students.xlsx' }, metadata: '*' };
    const { records, issues } = await readCsv(await fixture('school.xlsx'), 'students', config);
    // The first sheet is hidden, the second has two merged titles, and rows without cells down to the last.
    expect(issues.map(({ rule }) => rule)).to.deep.equal(['file.titles']);
    expect(records.map(({ line, cells }) => [line, ...(cells as string[])])).to.deep.equal([
      [
        5,
        '01234567',
        '00012',
        'Ana',
        'Soto',
        '12.345.678-5',
        '2010-01-01',
        'true',
        'ana@colegio.cl',
        '0.953',
        '1° A',
        'una línea otra línea',
      ],
      [
        6,
        '00000042',
        '00013',
        'José Ñuñoz',
        'Díaz',
        '11.111.111-1',
        '2009-02-28',
        'true',
        'eva@colegio.cl',
        '1',
        '1° A',
        '',
      ],
      [7, '99999999', '0', 'Luz', 'Vera & "Co" <x>', '', '2000-02-29', 'false', '#N/A', '0', '2° B', "'=1+1"],
      [
        8,
        '00000007',
        '00015',
        'María',
        'Rojas',
        '22.222.222-2',
        '1999-12-31',
        'true',
        '',
        '0.005',
        '2° B',
        '',
      ],
    ]);
    expect(records[0]).to.deep.include({
      externalId: '01234567',
      code: '00012',
      birthDate: '2010-01-01',
      active: true,
    });
    expect(records[2]).to.include({ active: false, familyName: 'Vera & "Co" <x>' });
  });

  for (const [kind, sheet, first] of [
    ['groups', 'Cursos', { externalId: '1A', name: '1° A' }],
    ['teachers', 'Profesores', { externalId: 'T1', givenName: 'Eva', familyName: 'Pérez' }],
  ] as const) {
    it(`is read at the sheet that the settings name: ${sheet}`, async () => {
      const config = { files: { [kind]: 'colegio.xlsx' }, sheet: { [kind]: sheet } };
      const { records, issues } = await readCsv(await fixture('school.xlsx'), kind as FileKind, config);
      expect(issues).to.deep.equal([]);
      expect(records[0]).to.deep.include(first);
    });
  }

  it('has its days counted from 1904 on where it says so', async () => {
    const config = { files: { students: 'students.xlsx' } };
    const { records } = await readCsv(await fixture('counted-from-1904.xlsx'), 'students', config);
    expect(records[0]).to.include({ externalId: '1', birthDate: '2010-01-01' });
  });

  for (const [name, asWorkbook, asCsv] of [
    [
      'plain.xls',
      /old Excel \(\.xls\)\. Open it there and save it as \.xlsx/,
      /old Excel workbook \(\.xls\).*save it as "CSV UTF-8"/,
    ],
    [
      'plain.ods',
      /spreadsheet of LibreOffice \(\.ods\)\. Save it there as \.xlsx/,
      /spreadsheet of LibreOffice \(\.ods\).*save it as "CSV UTF-8"/,
    ],
    [
      'password.xlsx',
      /^students\.xlsx has a password\. Save it without one/,
      /with a password\. Save it without one/,
    ],
  ] as const) {
    it(`is refused by what it is and what to do, whatever it is called: ${name}`, async () => {
      const bytes = await fixture(name);
      for (const [called, words] of [
        ['students.xlsx', asWorkbook],
        ['students.csv', asCsv],
      ] as const)
        expect(await refusal(readCsv(bytes, 'students', { files: { students: called } }))).to.match(words);
    });
  }

  it('is not to be renamed where it is uploaded in a form that is not read', async () => {
    const files = createPathJail(await tempFolder());
    for (const [name, list] of [
      ['students.ods', undefined],
      ['Nómina.XLS', 'students'],
    ] as const) {
      const given = { name, list, validateOnly: false, keep: async () => undefined };
      const bytes = await fixture(name.endsWith('ods') ? 'plain.ods' : 'plain.xls');
      async function* content() {
        yield bytes;
      }
      const { signal } = new AbortController();
      const context = { files, integrationId: 'i', signal };
      const config = csvConfig.parse({ importPath: 'uploads/{id}' });
      expect(await refusal(takeFile(context, config, { ...given, content: content() }))).to.match(
        /form that is not read \(\.(?:ods|xls)\)\. Open it and save it as an Excel workbook \(\.xlsx\) or as CSV/,
      );
    }
  });
});
