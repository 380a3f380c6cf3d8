import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { detectDialect, readRows } from '../../../src/connectors/generic-csv/csv-rows.js';
import { inFolder } from './read-csv.js';

const folder = dirname(createRequire(import.meta.url).resolve('csv-spectrum/package.json'));
const NAMES = [
  'comma_in_quotes',
  'empty',
  'empty_crlf',
  'escaped_quotes',
  'json',
  'newlines',
  'newlines_crlf',
  'quotes_and_newlines',
  'simple',
  'simple_crlf',
  'utf8',
];

describe('csv-spectrum', () => {
  for (const name of NAMES) {
    it(`${name} is read as its JSON says`, async () => {
      const file = await (await inFolder(name, await readFile(join(folder, 'csvs', `${name}.csv`)))).open(
        name,
      );
      if (!file) throw new Error('the file is not there');
      try {
        const dialect = await detectDialect(file, 'students');
        expect(dialect.delimiter).to.equal(',');
        const found: Record<string, string>[] = [];
        for await (const rows of readRows(file, dialect, new AbortController().signal)) {
          for (const { cells } of rows) {
            if (cells.length > 1)
              found.push(
                Object.fromEntries(dialect.headers.map((header, i) => [header, cells[i] as string])),
              );
          }
        }
        const expected = JSON.parse(await readFile(join(folder, 'json', `${name}.json`), 'utf8'));
        const normal = (text: string) => text.replaceAll('\r\n', '\n');
        expect(JSON.parse(normal(JSON.stringify(found)))).to.deep.equal(
          JSON.parse(normal(JSON.stringify(expected))),
        );
      } finally {
        await file.close();
      }
    });
  }
});
