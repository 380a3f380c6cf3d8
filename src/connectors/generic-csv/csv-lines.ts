import { hash } from 'node:crypto';
import type { CsvFile } from './csv-file.js';
import { type CsvDialect, type CsvRow, MAX_ROW, rowTooLong } from './csv-rows.js';

const FINGERPRINT_BYTES = 16;

/** Rows that are lines, a batch at a time. */
export interface CsvLines {
  /** Line of each. */
  lines: number[];
  /** 16 bytes for each. */
  fingerprints: Buffer;
  /** The rows at these positions. */
  rows(positions: readonly number[]): CsvRow[];
}

/**
 * The rows below the header of a file without quotation marks, where every line is a row: told apart without
 * being parsed. `seed` is what a line's meaning depends on beside itself.
 */
export async function* readLines(
  file: CsvFile,
  { encoding, bomBytes, delimiter, headerLine }: CsvDialect,
  { seed, signal }: { seed: string; signal: AbortSignal },
): AsyncGenerator<CsvLines> {
  const decoder = new TextDecoder(encoding, { ignoreBOM: true });
  const key = hash('sha256', seed, 'hex').slice(0, 16);
  let skip = bomBytes;
  let line = 0;
  let rest = '';
  const take = (texts: string[]): CsvLines => {
    const batch = { lines: [] as number[], texts: [] as string[] };
    const fingerprints = Buffer.allocUnsafe(texts.length * FINGERPRINT_BYTES);
    for (const text of texts) {
      line += 1;
      if (line <= headerLine) continue;
      const row = text.endsWith('\r') ? text.slice(0, -1) : text;
      if (row.trim() === '') continue;
      if (row.length > MAX_ROW) throw rowTooLong(file.name, line);
      fingerprints.write(
        hash('sha256', key + row, 'binary'),
        batch.lines.length * FINGERPRINT_BYTES,
        FINGERPRINT_BYTES,
        'latin1',
      );
      batch.lines.push(line);
      batch.texts.push(row);
    }
    // Without quotation marks every delimiter ends a cell.
    const rows = (positions: readonly number[]) =>
      positions.map(
        (at): CsvRow => ({
          line: batch.lines[at] as number,
          cells: (batch.texts[at] as string).split(delimiter),
        }),
      );
    return { lines: batch.lines, fingerprints, rows };
  };
  for await (const chunk of file.read()) {
    signal.throwIfAborted();
    const text = rest + decoder.decode(skip > 0 ? chunk.subarray(skip) : chunk, { stream: true });
    skip = Math.max(0, skip - chunk.length);
    const texts = text.split('\n');
    rest = texts.pop() ?? '';
    yield take(texts);
  }
  rest += decoder.decode();
  if (rest !== '') yield take([rest]);
}
