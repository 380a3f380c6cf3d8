import { verifyWebhook, WebhookVerificationError } from '@smartid/integrations-client';
import { expect } from 'chai';
import { makeSecret, signedHeaders } from '../../src/events/signature.js';

const EVENT = {
  specversion: '1.0',
  id: '7a3c1f0e-52b4-4c8e-9d0a-0f6f3c1f2b11',
  type: 'sync.completed',
  source: '/institutions/1',
  time: '2026-03-02T11:00:00Z',
  sequence: '1',
  datacontenttype: 'application/json',
  data: { name: 'Ñandú' },
};
const BODY = JSON.stringify(EVENT);

describe('verifyWebhook', () => {
  const secret = makeSecret();
  const signed = (secrets = [secret], at = new Date()) =>
    signedHeaders({ id: EVENT.id, body: BODY, at }, secrets);

  it('gives the event of a message that the service signed, from headers of Node or of fetch', () => {
    expect(verifyWebhook(BODY, signed(), secret)).to.deep.equal(EVENT);
    expect(verifyWebhook(Buffer.from(BODY), new Headers(signed()), secret)).to.deep.equal(EVENT);
    const named = Object.fromEntries(
      Object.entries(signed()).map(([name, value]) => [name.toUpperCase(), [value]]),
    );
    expect(verifyWebhook(BODY, named, secret)).to.deep.equal(EVENT);
  });

  it('takes any of several secrets, and any of several signatures, while one is being rotated', () => {
    const next = makeSecret();
    expect(verifyWebhook(BODY, signed(), [next, secret])).to.deep.equal(EVENT);
    expect(verifyWebhook(BODY, signed([next, secret]), secret)).to.deep.equal(EVENT);
  });

  const REFUSED: Record<string, () => unknown> = {
    'a changed body': () => verifyWebhook(`${BODY} `, signed(), secret),
    'another secret': () => verifyWebhook(BODY, signed(), makeSecret()),
    'no secret': () => verifyWebhook(BODY, signed(), []),
    'a secret that is none': () => verifyWebhook(BODY, signed(), 'ñ'),
    'another id': () => verifyWebhook(BODY, { ...signed(), 'webhook-id': 'other' }, secret),
    'a message of an hour ago': () =>
      verifyWebhook(BODY, signed([secret], new Date(Date.now() - 3_600_000)), secret),
    'a message without headers': () => verifyWebhook(BODY, {}, secret),
  };
  for (const [what, verify] of Object.entries(REFUSED)) {
    it(`refuses ${what}, and shows no secret`, () => {
      expect(verify)
        .to.throw(WebhookVerificationError)
        .with.property('message')
        .that.does.not.contain(secret.slice(8));
    });
  }
});
