import { expect } from 'chai';
import { DATABASE_POOL_SIZE, testDatabaseUrl } from '../support/database.js';
import { sharedServices } from '../support/services.js';

describe('the connections of a process', () => {
  it('are as many as DATABASE_POOL_SIZE says; the embedded database has one', async () => {
    const { database } = await sharedServices();
    expect(database.pool.size).to.equal(testDatabaseUrl ? Number(DATABASE_POOL_SIZE) : 1);
  });
});
