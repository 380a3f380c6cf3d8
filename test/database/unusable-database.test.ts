import { expect } from 'chai';
import { ConnectionError } from 'sequelize';
import { type Database, explainUnusable, migrate, UnusableDatabaseError } from '../../src/database/index.js';
import { explained } from '../../src/database/trouble.js';
import { createLogger } from '../../src/observability/index.js';

const URL_WITH_PASSWORD = 'postgres://school:hush%40hush@db.school.cl/smartid';

/** What is said when the driver fails with this, by the way that it takes at the start. */
function said(error: Error, connection = URL_WITH_PASSWORD): string {
  const told = explainUnusable(explained(new ConnectionError(error)), connection);
  expect(told).to.be.instanceOf(UnusableDatabaseError);
  return (told as Error).message;
}

describe('a PostgreSQL that cannot be used', () => {
  it('is told of in a sentence with its place and without the password, whatever the driver says', () => {
    for (const message of [
      'The server does not support SSL connections',
      'SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string',
      'timeout expired',
    ])
      expect(said(new Error(message))).to.equal(
        `PostgreSQL at db.school.cl:5432 cannot be used (${message}). Correct DATABASE_URL, or look into the server's log.`,
      );
    expect(said(new Error('no entry for hush@hush'))).to.contain('no entry for ***');
    const selfSigned = Object.assign(new Error('self-signed certificate'), {
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    });
    expect(said(selfSigned)).to.contain('self-signed certificate');
  });

  it('is named by its folder where it listens on a socket', () => {
    const gone = Object.assign(new Error('connect ECONNREFUSED /run/pg/.s.PGSQL.5432'), {
      code: 'ECONNREFUSED',
    });
    for (const url of ['postgres:///smartid?host=/run/pg', 'postgres://school@%2Frun%2Fpg/smartid'])
      expect(said(gone, url)).to.equal(
        'PostgreSQL does not answer at /run/pg. Start it, or correct DATABASE_URL.',
      );
  });

  it('for a file of its address that is not there is told with the name of the file', () => {
    const missing = Object.assign(new Error('ENOENT'), { code: 'ENOENT', path: '/etc/ca.pem' });
    const told = explainUnusable(missing, URL_WITH_PASSWORD) as Error;
    expect(told.message).to.match(
      /^DATABASE_URL names the file \/etc\/ca\.pem, which cannot be read \(ENOENT\)/,
    );
  });

  it('as it is too old for the schema is told so before anything is changed', async () => {
    const asked: string[] = [];
    const old = {
      query: async (sql: string) => {
        asked.push(sql);
        return [{ version: 140_012 }];
      },
    } as unknown as Database;
    const error = await migrate(old, createLogger({ level: 'silent' })).catch((thrown: unknown) => thrown);
    expect((error as Error).message).to.match(
      /^The database is PostgreSQL 14; this program needs 15 or later/,
    );
    expect(asked).to.have.length(1);
  });

  it('leaves faults of ours as they are', () => {
    const fault = new TypeError('x is not a function');
    expect(explainUnusable(fault, URL_WITH_PASSWORD)).to.equal(fault);
  });
});
