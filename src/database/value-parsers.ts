import pg from 'pg';

const TIMESTAMPTZ = 1184;
const JSONB = 3802;
const anyTime = pg.types.getTypeParser(TIMESTAMPTZ) as (text: string) => Date;

interface Client {
  setTypeParser(oid: number, format: 'text', parse: (text: string) => unknown): void;
}

/** Reads times and empty JSON objects faster than pg, which takes a third of a list of rows for its times. */
export function setValueParsers(client: Client): void {
  client.setTypeParser(TIMESTAMPTZ, 'text', parseTime);
  client.setTypeParser(JSONB, 'text', (text) => (text === '{}' ? {} : JSON.parse(text)));
}

const ZERO = 48;
/** `2026-03-02 11:00:00.123456+00`, as a session in UTC writes the years 1000 to 9999. */
const DATE_AND_TIME = 19;
const SEPARATORS: readonly (readonly [number, string])[] = [
  [4, '-'],
  [7, '-'],
  [10, ' '],
  [13, ':'],
  [16, ':'],
];

/** A time in milliseconds, as Date has it; what is smaller is cut off. */
export function parseTime(text: string): Date {
  if (!text.endsWith('+00') || SEPARATORS.some(([at, separator]) => text[at] !== separator))
    return anyTime(text);
  const two = (at: number) => (text.charCodeAt(at) - ZERO) * 10 + text.charCodeAt(at + 1) - ZERO;
  let ms = 0;
  if (text[DATE_AND_TIME] === '.') {
    const end = text.length - 3;
    for (let at = DATE_AND_TIME + 1, unit = 100; at < end && unit >= 1; at++, unit /= 10)
      ms += (text.charCodeAt(at) - ZERO) * unit;
  } else if (text.length !== DATE_AND_TIME + 3) return anyTime(text);
  const [year, month, day] = [two(0) * 100 + two(2), two(5), two(8)];
  // Date.UTC takes the years 0 to 99 for those of the last century.
  if (year < 1_000) return anyTime(text);
  return new Date(Date.UTC(year, month - 1, day, two(11), two(14), two(17), ms));
}
