import { expect } from 'chai';
import fc from 'fast-check';
import type { CsvFile } from '../../../src/connectors/generic-csv/csv-file.js';
import { readLines } from '../../../src/connectors/generic-csv/csv-lines.js';

const SIGNAL = new AbortController().signal;
const DIALECT = { encoding: 'utf-8', bomBytes: 0, delimiter: ',', headerLine: 1 } as const;

/** A file that comes in pieces of these sizes, over and over, each in the memory of the one before. */
function fileOf(bytes: Buffer, sizes: readonly number[]): CsvFile {
  return {
    name: 'students.csv',
    sizeBytes: bytes.length,
    modifiedAt: new Date(0),
    async *read() {
      const memory = Buffer.alloc(Math.max(...sizes));
      for (let at = 0, nth = 0; at < bytes.length; nth++) {
        const piece = bytes.subarray(at, at + (sizes[nth % sizes.length] as number));
        memory.fill(0x58);
        piece.copy(memory);
        yield memory.subarray(0, piece.length);
        at += piece.length;
      }
    },
    close: async () => {},
  };
}

async function rowsOf(bytes: Buffer, sizes: readonly number[], seed = 'seed', dialect = {}) {
  const rows: { line: number; cells: string[]; fingerprint: string }[] = [];
  const options = { seed, signal: SIGNAL };
  for await (const page of readLines(fileOf(bytes, sizes), { ...DIALECT, ...dialect }, options)) {
    const read = page.rows(page.lines.map((_, position) => position));
    for (const [position, row] of read.entries()) {
      const fingerprint = page.fingerprints.toString('hex', position * 16, position * 16 + 16);
      rows.push({ ...row, fingerprint });
    }
  }
  return rows;
}

/** The same, by hand. */
function expected(text: string): { line: number; cells: string[] }[] {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines
    .map((line, index) => ({ line: index + 1, text: line.endsWith('\r') ? line.slice(0, -1) : line }))
    .filter(({ line, text: row }) => line > 1 && row.trim() !== '')
    .map(({ line, text: row }) => ({ line, cells: row.split(',') }));
}

describe('lines of a CSV file without quotation marks', () => {
  it('are the same rows however the file comes in pieces, in memory that is used again', async () => {
    const line = fc.array(fc.constantFrom('a', 'ñ', '€', '😀', ',', ' ', '\u00a0', '7', '\0', '\u007f'), {
      maxLength: 12,
    });
    const lines = fc.array(
      fc.tuple(
        line.map((parts) => parts.join('')),
        fc.constantFrom('\n', '\r\n'),
      ),
      {
        maxLength: 12,
      },
    );
    const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(lines, fc.boolean(), sizes, async (given, endsOpen, pieces) => {
        const text = given.map((parts) => parts.join('')).join('') + (endsOpen ? 'the,end' : '');
        const rows = await rowsOf(Buffer.from(text), pieces);
        expect(rows.map(({ fingerprint: _, ...row }) => row)).to.deep.equal(expected(text));
        // Equal rows have equal fingerprints, wherever they stand.
        const byText = new Map(rows.map(({ cells, fingerprint }) => [cells.join(), fingerprint]));
        for (const { cells, fingerprint } of rows) expect(byText.get(cells.join())).to.equal(fingerprint);
        expect(new Set(byText.values()).size).to.equal(byText.size);
      }),
      { numRuns: 500, includeErrorInReport: true },
    );
  });

  it('have other fingerprints where they mean something else', async () => {
    const bytes = Buffer.from('id,name\n1,Ana\n2,Eva\n');
    const [one, other] = [await rowsOf(bytes, [7], 'columns'), await rowsOf(bytes, [7], 'other columns')];
    expect(one.map(({ cells }) => cells)).to.deep.equal(other.map(({ cells }) => cells));
    for (const [nth, { fingerprint }] of one.entries())
      expect(fingerprint).not.to.equal(other[nth]?.fingerprint);
  });

  it('of a file of Windows-1252 have the fingerprints of the same text in UTF-8', async () => {
    const text = 'id,name\n1,Muñoz\n2,Peña\n';
    const dialect = { encoding: 'windows-1252' };
    expect(await rowsOf(Buffer.from(text, 'latin1'), [5], 'seed', dialect)).to.deep.equal(
      await rowsOf(Buffer.from(text), [5]),
    );
  });

  it('that never end are refused before they fill the memory', async () => {
    let read = 0;
    const endless: CsvFile = {
      ...fileOf(Buffer.alloc(0), [1]),
      async *read() {
        for (; read < 1_000; read++) yield Buffer.alloc(64 * 1_024, 'x');
      },
    };
    const pages = readLines(endless, DIALECT, { seed: '', signal: SIGNAL });
    const refusal = await pages.next().then(
      () => undefined,
      (error: Error) => error.message,
    );
    expect(refusal).to.match(/^students\.csv line 1: the row has more than 1,000,000 characters/);
    expect(read).to.be.below(60);
  });
});
