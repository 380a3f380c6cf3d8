import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { rest, sharedService } from '../support/service.js';

interface Event {
  actor: string;
  action: string;
  method: string;
  requestId: string;
  address: string;
  outcome: string;
  objectId: string;
  after: Record<string, unknown>;
}

/** Calls the shared service. */
async function call(method: string, path: string, body?: unknown, headers?: Record<string, string>) {
  const { url } = await sharedService();
  return rest(url, method, path, body, headers);
}

const NO_INSTITUTION = '00000000-0000-0000-0000-000000000000';

describe('the audit over REST', () => {
  it('tells who called what, from where and in which request', async () => {
    const institutionId = randomUUID();
    const requestId = `audit-${randomUUID()}`;
    const created = await call(
      'POST',
      '/integrations',
      { institutionId, provider: 'GENERIC_CSV', config: { importPath: institutionId }, credentials: {} },
      { 'X-Request-Id': requestId },
    );
    const { body, status } = await call('GET', `/institutions/${institutionId}/audit-events`);
    expect(status).to.equal(200);
    expect(body).to.have.length(1);
    expect(body[0]).to.include({
      position: '1',
      actor: 'admin',
      action: 'integration.created',
      method: 'CreateIntegration',
      objectType: 'INTEGRATION',
      objectId: created.body.id,
      integrationId: created.body.id,
      requestId,
      outcome: 'OK',
    });
    expect(body[0].address).to.match(/127\.0\.0\.1$/);
    const by = await call('GET', `/institutions/${institutionId}/audit-events?requestId=${requestId}`);
    expect(by.body).to.have.length(1);
    const none = await call('GET', `/institutions/${institutionId}/audit-events?actor=somebody`);
    expect(none.body).to.deep.equal([]);
  });

  it('has a call that was refused, with its code and sentence, in the chain of the institution it names', async () => {
    const institutionId = randomUUID();
    const refused = await call('POST', '/integrations', {
      institutionId,
      provider: 'GENERIC_CSV',
      config: { nonsense: 1 },
      credentials: {},
    });
    expect(refused.status).to.equal(400);
    const { body } = await call('GET', `/institutions/${institutionId}/audit-events?refused=true`);
    expect(body.map(({ actor, outcome, method }: Event) => ({ actor, outcome, method }))).to.deep.equal([
      { actor: 'admin', outcome: 'invalid_argument', method: 'CreateIntegration' },
    ]);
    expect(body[0].detail).to.contain('nonsense');
  });

  it('has a call without a good token in the chain of no institution', async () => {
    const institutionId = randomUUID();
    const requestId = `audit-${randomUUID()}`;
    const refused = await call('DELETE', `/institutions/${institutionId}/memberships`, undefined, {
      Authorization: 'Bearer wrong',
    });
    expect([401, 404, 405]).to.include(refused.status);
    const denied = await call(
      'PATCH',
      `/integrations/${randomUUID()}`,
      {},
      {
        Authorization: 'Bearer wrong',
        'X-Request-Id': requestId,
      },
    );
    expect(denied.status).to.equal(401);
    const { body } = await call('GET', `/institutions/${NO_INSTITUTION}/audit-events?requestId=${requestId}`);
    expect(body.map(({ actor, outcome }: Event) => [actor, outcome])).to.deep.equal([
      ['anonymous', 'unauthenticated'],
    ]);
  });

  it('has an attempt to read a stream without a token', async () => {
    const requestId = `audit-${randomUUID()}`;
    const { url } = await sharedService();
    const { status } = await rest(
      url,
      'GET',
      `/integrations/${randomUUID()}/runs/${randomUUID()}/watch`,
      undefined,
      { Authorization: 'Bearer wrong', 'X-Request-Id': requestId },
    );
    expect(status).to.equal(401);
    const { body } = await call('GET', `/institutions/${NO_INSTITUTION}/audit-events?requestId=${requestId}`);
    expect(body.map(({ method, outcome }: Event) => [method, outcome])).to.deep.equal([
      ['WatchSync', 'unauthenticated'],
    ]);
  });

  it('answers who changed the e-mail of a student, and that nothing was tampered with', async () => {
    const institutionId = randomUUID();
    const studentId = randomUUID();
    const path = `/institutions/${institutionId}/students/${studentId}`;
    expect((await call('PUT', path, { givenName: 'Ana', email: 'ana@x.cl' })).status).to.equal(200);
    const requestId = `audit-${randomUUID()}`;
    const again = await call('PUT', path, { email: 'ana2@x.cl' }, { 'X-Request-Id': requestId });
    expect(again.status).to.equal(200);
    const { body } = await call(
      'GET',
      `/institutions/${institutionId}/entities/${studentId}/changes?field=email`,
    );
    expect(body[0]).to.deep.include({
      action: 'UPDATE',
      before: { email: 'ana@x.cl' },
      after: { email: 'ana2@x.cl' },
      actor: 'admin',
      method: 'PutStudent',
      requestId,
    });
    expect(body).to.have.length(2);
    const verified = await call('GET', `/institutions/${institutionId}/audit-verification`);
    expect(verified.body).to.include({ intact: true, eventCount: 2, position: '2' });
    const { position, hash } = verified.body;
    const anchored = await call(
      'GET',
      `/institutions/${institutionId}/audit-verification?anchorPosition=${position}&anchorHash=${encodeURIComponent(hash)}`,
    );
    expect(anchored.body).to.include({ intact: true });
  });
});
