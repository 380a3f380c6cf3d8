import { expect } from 'chai';
import type { Page } from '../../src/transport/index.js';
import { openServer } from '../support/transport.js';

const read = async () => ({ contentType: 'text/plain', body: 'told' });
const pages: Page[] = [
  { path: '/open', refusal: undefined, read },
  { path: '/kept', refusal: 'A token is needed.', read },
  { path: '/broken', refusal: undefined, read: () => Promise.reject(new Error('of the inside')) },
];

describe('a page beside the calls', () => {
  it('is answered to GET and HEAD, and names them to every other method', async () => {
    const { url } = await openServer({ pages });
    const asked = await fetch(`${url}/open?x=1`);
    expect([asked.status, await asked.text()]).to.deep.equal([200, 'told']);
    const head = await fetch(`${url}/open`, { method: 'HEAD' });
    expect([head.status, await head.text()]).to.deep.equal([200, '']);
    const posted = await fetch(`${url}/open`, { method: 'POST', body: 'x'.repeat(100_000) });
    expect([posted.status, posted.headers.get('allow')]).to.deep.equal([405, 'GET, HEAD']);
  });

  it('is kept from callers without a good token, who are told why', async () => {
    const { url } = await openServer({ pages, admit: () => 'refused' });
    const refused = await fetch(`${url}/kept`);
    expect(refused.status).to.equal(401);
    expect(await refused.json()).to.deep.include({ code: 'unauthenticated', message: 'A token is needed.' });
    expect((await fetch(`${url}/open`)).status).to.equal(200);
  });

  it('that fails is an internal error without what is inside', async () => {
    const { url } = await openServer({ pages });
    const failed = await fetch(`${url}/broken`);
    expect(failed.status).to.equal(500);
    expect(await failed.text()).not.to.include('of the inside');
  });
});
