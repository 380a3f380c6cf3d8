import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import pg from 'pg';
import { freshDatabaseUrl, testDatabaseUrl } from '../support/database.js';
import { rest, startService } from '../support/service.js';

describe('a service whose database keeps edits waiting', () => {
  it('answers others at once, and tells the edits to come back', async function () {
    if (!testDatabaseUrl) this.skip();
    const databaseUrl = await freshDatabaseUrl();
    const { url } = await startService({ env: { DATABASE_URL: databaseUrl } });
    const put = (id: string) =>
      rest(url, 'PUT', `/institutions/${randomUUID()}/students/${id}`, {
        givenName: 'Ana',
        familyName: 'Soto',
      });
    expect((await put(randomUUID())).status).to.equal(200);
    const client = new pg.Client({ connectionString: databaseUrl });
    await client.connect();
    try {
      await client.query('BEGIN; LOCK TABLE students');
      const edits = Array.from({ length: 30 }, () => put(randomUUID()));
      const waiting = Promise.all(edits).then(() => 'over' as const);
      for (const path of ['/readyz', '/integrations', '/readyz']) {
        const answer = await Promise.race([rest(url, 'GET', path), waiting]);
        expect(answer, path).to.deep.include({ status: 200 });
      }
      for (const { status, body, headers } of await Promise.all(edits)) {
        expect([status, body.code, headers.get('retry-after')]).to.deep.equal([409, 'aborted', '5']);
      }
      await client.query('COMMIT');
    } finally {
      await client.end();
    }
    expect((await put(randomUUID())).status).to.equal(200);
  });
});
