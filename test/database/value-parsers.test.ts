import { expect } from 'chai';
import fc from 'fast-check';
import pg from 'pg';
import { parseTime } from '../../src/database/value-parsers.js';
import { sharedServices } from '../support/services.js';

const ofPg = pg.types.getTypeParser(1184) as (text: string) => Date;

describe('times of the database', () => {
  it('are read as pg reads them', () => {
    const two = (most: number, least = 0) =>
      fc.integer({ min: least, max: most }).map((n) => String(n).padStart(2, '0'));
    const parts = fc.tuple(
      fc.integer({ min: 1, max: 9999 }).map((year) => String(year).padStart(4, '0')),
      two(12, 1),
      two(28, 1),
      two(23),
      two(59),
      two(59),
      fc.constantFrom('', '.1', '.12', '.123', '.5', '.000001', '.999999', '.25'),
      fc.constantFrom('+00', '-03', '+05:30', '+00 BC'),
    );
    fc.assert(
      fc.property(parts, ([year, month, day, hour, minute, second, fraction, zone]) => {
        const text = `${year}-${month}-${day} ${hour}:${minute}:${second}${fraction}${zone}`;
        expect(parseTime(text)).to.deep.equal(ofPg(text));
      }),
      { numRuns: 2_000, includeErrorInReport: true },
    );
  });

  it('come out of it as they went in, with JSON beside them', async () => {
    const { database } = await sharedServices();
    const [row] = await database.query(
      `SELECT '2026-03-02 08:00:00.123456-03'::timestamptz AS time, '0044-03-15 12:00:00+00'::timestamptz AS early,
        'infinity'::timestamptz AS never, '{}'::jsonb AS empty, '{"a": [1]}'::jsonb AS json`,
    );
    expect(row).to.deep.equal({
      time: new Date('2026-03-02T11:00:00.123Z'),
      early: new Date('0044-03-15T12:00:00Z'),
      never: Number.POSITIVE_INFINITY,
      empty: {},
      json: { a: [1] },
    });
  });
});
