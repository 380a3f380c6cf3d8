import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { onBehalfOf } from '../../src/audit/caller.js';
import { Refusals } from '../../src/audit/index.js';
import { sharedServices } from '../support/services.js';

describe('calls that are refused', () => {
  it('without a token are written down a hundred times a minute at most, from however many addresses they come', async () => {
    const { database } = await sharedServices();
    const refusals = new Refusals(database);
    const service = `of ${randomUUID()}`;
    const refuse = (nth: number) =>
      onBehalfOf(`2001:db8::${nth.toString(16)}`, () =>
        refusals.record({
          service,
          method: 'ReceiveWebhook',
          institutionId: undefined,
          integrationId: undefined,
          code: 'unauthenticated',
          message: 'No.',
        }),
      );
    for (let nth = 0; nth < 500; nth++) await refuse(nth);
    const [row] = await database.query<{ rows: number }>(
      `SELECT count(*)::int AS rows FROM audit_events WHERE object_id = $1`,
      [`${service}/ReceiveWebhook`],
    );
    expect(row?.rows).to.equal(100);
  });
});
