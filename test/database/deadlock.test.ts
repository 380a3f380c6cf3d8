import { expect } from 'chai';
import { testDatabaseUrl } from '../support/database.js';
import { sharedServices } from '../support/services.js';

describe('two transactions that wait for each other', () => {
  it('both come to their end: the one that PostgreSQL ended is done again', async function () {
    if (!testDatabaseUrl) return this.skip();
    const { database } = await sharedServices();
    const resources = ['a', 'b'];
    const id = '7a3c1f0e-52b4-4c8e-9d0a-0f6f3c1f2b11';
    for (const resource of resources)
      await database.execute(
        `INSERT INTO leases (integration_id, resource, owner, expires_at) VALUES ($1, $2, $1, 'infinity')`,
        [id, resource],
      );
    const touch = (resource: string | undefined) =>
      database.execute('UPDATE leases SET owner = owner WHERE integration_id = $1 AND resource = $2', [
        id,
        resource,
      ]);
    let tries = 0;
    const both = { isFirst: 0, meet: () => {} };
    const met = new Promise<void>((resolve) => {
      both.meet = resolve;
    });
    const inOrder = (order: readonly string[]) =>
      database.transaction(async () => {
        tries += 1;
        await touch(order[0]);
        both.isFirst += 1;
        if (both.isFirst === 2) both.meet();
        await met;
        await touch(order[1]);
        return order.join('');
      });
    const ends = await Promise.all([inOrder(resources), inOrder([...resources].reverse())]);
    expect(ends).to.deep.equal(['ab', 'ba']);
    expect(tries).to.equal(3);
    await database.execute('DELETE FROM leases WHERE integration_id = $1', [id]);
  });
});
