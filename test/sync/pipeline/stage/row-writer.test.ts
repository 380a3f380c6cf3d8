import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { type Lease, Leases } from '../../../../src/database/index.js';
import { createLogger } from '../../../../src/observability/index.js';
import { type RowColumn, RowWriter } from '../../../../src/sync/pipeline/stage/row-writer.js';
import { sharedServices } from '../../../support/services.js';

interface Row {
  n: number;
  text: string | null;
}

const DAYS = ['1900-01-01', '1999-12-31', '2000-01-01', '2000-02-29', '2026-03-02', '9999-12-31', null];
const LISTS = [['email', 'code'], null, [], ['a"b\\c', 'ñ,{}']];
const dayOf = ({ n }: Row) => DAYS[n % DAYS.length];
const listOf = ({ n }: Row) => LISTS[n % LISTS.length];
/** The digest of a row: bytes where `n` is even, text where it is odd, or none. */
const digestOf = ({ n }: Row) =>
  n % 3 === 0 ? null : `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;

/** What rows are after they were written to a table of the database and read again. */
async function written(rows: readonly Row[]): Promise<Row[]> {
  const { database } = await sharedServices();
  const runId = randomUUID();
  const columns: RowColumn<Row>[] = [
    ['integration_id', 'uuid', runId],
    ['run_id', 'uuid', runId],
    ['kind', 'text', 'ENTITY'],
    ['seq', 'int', ({ n }: Row) => n],
    ['external_id', 'text', ({ n }: Row) => String(n)],
    ['active', 'boolean', ({ n }: Row) => n % 2 === 0],
    ['dropped', 'text[]', listOf],
    ['birth_date', 'date', dayOf],
    [
      'digest',
      'uuid',
      (row: Row) => {
        const digest = digestOf(row);
        return digest && row.n % 2 === 0 ? Buffer.from(digest.replaceAll('-', ''), 'hex') : digest;
      },
    ],
    ['metadata', 'jsonb', ({ text }: Row) => (text === null ? undefined : JSON.stringify({ text }))],
    ['given_name', 'text', ({ text }: Row) => text],
  ];
  const leases = new Leases({ database, logger: createLogger({ level: 'silent' }), ttlSeconds: 60 });
  const lease = (await leases.take({ integrationId: runId, resource: 'test' })) as Lease;
  const writer = new RowWriter<Row>({ database, lease, table: 'sync_staged', columns });
  for (const row of rows) await writer.write(row);
  await writer.flush();
  await lease.release();
  const read = await database.query<
    Row & { active: boolean; dropped: string[] | null; day: string; digest: string; json: string | null }
  >(
    `SELECT seq AS n, given_name AS text, active, dropped, birth_date::text AS day, digest, metadata->>'text' AS json
     FROM sync_staged WHERE integration_id = $1 AND run_id = $1 ORDER BY seq`,
    [runId],
  );
  await database.execute('DELETE FROM sync_staged WHERE integration_id = $1 AND run_id = $1', [runId]);
  return read.map(({ n, text, active, dropped, day, digest, json }) => {
    const row = { n, text };
    expect([active, dropped, day, digest, json]).to.deep.equal([
      n % 2 === 0,
      listOf(row),
      dayOf(row),
      digestOf(row),
      text,
    ]);
    return row;
  });
}

const number = (texts: readonly (string | null)[]): Row[] =>
  texts.map((text, index) => ({ n: index + 1, text }));

describe('rows that are written in batches', () => {
  const every = [null, '', ' ', 'NULL', 'null', '\\N', '\\\\N', '\\', '\\.', '\\.\n', '\n', '\r', '\r\n', '\t', '\\t', '\\\t', '\b\f\v', '"', "'", '{}',
    '{a,b}', '$1', '\u0001', '\u001f', '\u007f', '\u0085', '\u00a0', '\u2028', '\ufeff', '\ufffd', 'ñ', 'n\u0303', '\u{1f600}', '\\x41', '\\101']; // biome-ignore format: a table

  it('are read again as they were, whatever characters are in them', async () => {
    const rows = number(every);
    expect(await written(rows)).to.deep.equal(rows);
  });

  it('are read again as they were, every character from U+0001 to U+00FF beside every special one', async () => {
    const characters = Array.from({ length: 255 }, (_, i) => String.fromCharCode(i + 1));
    const rows = number(
      ['\\', '\t', '\n', '\r', 'N', ''].flatMap((special) =>
        characters.map((one) => `${special}${one}${special}`),
      ),
    );
    expect(await written(rows)).to.deep.equal(rows);
  });

  it('are read again as they were, in any mixture', async () => {
    const text = fc.oneof(
      fc
        .array(fc.constantFrom('\\', 'N', 'n', 't', '.', '\t', '\n', '\r', 'a', '"', '{', ',', '1'))
        .map((parts) => parts.join('')),
      fc.string({ unit: 'binary' }).map((one) => one.replaceAll('\0', '').toWellFormed()),
      fc.constant(null),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(text, { maxLength: 60 }), async (texts) => {
        expect(await written(number(texts))).to.deep.equal(number(texts));
      }),
      { numRuns: 25 },
    );
  });

  it('are all there when they fill several batches, also when one is larger than a batch', async () => {
    const rows = number(Array.from({ length: 5_001 }, (_, i) => `${i}\t`));
    for (const n of [700, 4_999]) rows[n] = { n: n + 1, text: 'ñ\u{1f600}'.repeat(200_000) };
    expect(await written(rows)).to.deep.equal(rows);
  });
});
