import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { type Lease, Leases } from '../../../../src/database/index.js';
import { createLogger } from '../../../../src/observability/index.js';
import { type Cell, RowWriter } from '../../../../src/sync/pipeline/stage/row-writer.js';
import { sharedServices } from '../../../support/services.js';

interface Row {
  n: number;
  text: string | null;
}

/** What rows are after they were written to a table of the database and read again. */
async function written(rows: readonly Row[]): Promise<Row[]> {
  const { database } = await sharedServices();
  const runId = randomUUID();
  const columns = [
    ['integration_id', 'uuid', () => runId],
    ['run_id', 'uuid', () => runId],
    ['kind', 'text', () => 'ENTITY'],
    ['seq', 'int', ({ n }: Row) => n],
    ['external_id', 'text', ({ n }: Row) => String(n)],
    ['active', 'boolean', ({ n }: Row) => n % 2 === 0],
    ['dropped', 'text[]', ({ n }: Row) => (n % 2 === 0 ? '{email,code}' : null)],
    ['metadata', 'jsonb', ({ text }: Row) => (text === null ? undefined : JSON.stringify({ text }))],
    ['given_name', 'text', ({ text }: Row) => text],
  ] as const satisfies readonly (readonly [string, string, (row: Row) => Cell])[];
  const leases = new Leases({ database, logger: createLogger({ level: 'silent' }), ttlSeconds: 60 });
  const lease = (await leases.take({ integrationId: runId, resource: 'test' })) as Lease;
  const writer = new RowWriter<Row>({ database, lease, table: 'sync_staged', columns });
  for (const row of rows) await writer.write(row);
  await writer.flush();
  await lease.release();
  const read = await database.query<Row & { active: boolean; dropped: string[] | null; json: string | null }>(
    `SELECT seq AS n, given_name AS text, active, dropped, metadata->>'text' AS json FROM sync_staged
     WHERE integration_id = $1 AND run_id = $1 ORDER BY seq`,
    [runId],
  );
  await database.execute('DELETE FROM sync_staged WHERE integration_id = $1 AND run_id = $1', [runId]);
  return read.map(({ n, text, active, dropped, json }) => {
    expect([active, dropped, json]).to.deep.equal([
      n % 2 === 0,
      n % 2 === 0 ? ['email', 'code'] : null,
      text,
    ]);
    return { n, text };
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
      { numRuns: 25, includeErrorInReport: true },
    );
  });

  it('are all there when they fill several batches', async () => {
    const rows = number(Array.from({ length: 1_501 }, (_, i) => `${i}\t`));
    expect(await written(rows)).to.deep.equal(rows);
  });
});
