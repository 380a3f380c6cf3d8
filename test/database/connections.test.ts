import { expect } from 'chai';
import type { Database } from '../../src/database/index.js';
import { quietDatabase } from '../support/quiet-database.js';

describe('a connection of the pool', () => {
  let database: Database;
  before(async () => {
    // Whoever comes next gets the same one.
    database = await quietDatabase({ poolSize: 1 });
  });

  const next = () => database.query('SELECT 1 AS one');

  it('is out of every transaction for its next user, where a text that begins and ends one failed half way', async () => {
    const failed = database.withClient((client) => client.query('BEGIN; SELECT 1 / 0; COMMIT'));
    expect(await failed.catch((error: { code: string }) => error.code)).to.equal('22012');
    expect(await next()).to.deep.equal([{ one: 1 }]);
  });

  it('is out of every transaction for its next user, where a text began one and left it', async () => {
    await database.query('BEGIN');
    await next();
    const [row] = await database.query<{ isOutside: boolean }>(
      'SELECT now() = statement_timestamp() AS "isOutside"',
    );
    expect(row).to.deep.equal({ isOutside: true });
  });

  it('is made anew for its next user where what is read from it is left half way, also in a transaction', async function () {
    if (database.isExclusive) return this.skip();
    this.timeout(20_000);
    const read = () =>
      database.copyOut('COPY (SELECT repeat($$x$$, 1000) FROM generate_series(1, 100000)) TO STDOUT', () => {
        throw new Error('enough');
      });
    for (const reading of [read, () => database.transaction(read)]) {
      expect(await reading().catch((error: Error) => error.message)).to.equal('enough');
      expect(await next()).to.deep.equal([{ one: 1 }]);
    }
  });
});
