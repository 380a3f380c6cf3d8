import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import http2 from 'node:http2';
import { expect } from 'chai';
import { startService, TOKEN } from '../support/service.js';

const MARIA = 'maria-maria-maria-maria-maria-maria';

interface AuditRow {
  actor: string;
  address: string;
  action: string;
}

describe('the audit of calls', () => {
  let service: Awaited<ReturnType<typeof startService>>;
  before(async () => {
    service = await startService({
      env: { API_TOKENS: `maria:${MARIA}`, TRUST_PROXY: 'loopback, 10.1.0.0/16' },
    });
  });
  after(() => service.stop());

  const create = async (token: string, forwarded?: string) => {
    const institutionId = randomUUID();
    const headers = {
      Authorization: `Bearer ${token}`,
      'Content-Type': 'application/json',
      ...(forwarded !== undefined && { 'X-Forwarded-For': forwarded }),
    };
    const config = { importPath: 'school' };
    const body = JSON.stringify({ institutionId, provider: 'GENERIC_CSV', config, credentials: {} });
    const { status } = await fetch(`${service.url}/integrations`, { method: 'POST', headers, body });
    return { status, institutionId };
  };
  const auditOf = async (institutionId: string): Promise<AuditRow[]> => {
    const headers = { Authorization: `Bearer ${TOKEN}` };
    const answer = await fetch(`${service.url}/institutions/${institutionId}/audit-events`, { headers });
    return (await answer.json()) as AuditRow[];
  };

  it('names each caller by the name of the token, and lets nobody in with another', async () => {
    const maria = await create(MARIA);
    expect(maria.status).to.equal(201);
    expect((await auditOf(maria.institutionId))[0]).to.include({
      actor: 'maria',
      action: 'integration.created',
    });
    const admin = await create(TOKEN);
    expect((await auditOf(admin.institutionId))[0]).to.include({ actor: 'admin' });
    expect((await create(`${MARIA}x`)).status).to.equal(401);
    expect((await create('maria')).status).to.equal(401);
  });

  it('has the address that a trusted proxy saw, whatever its client wrote before it', async () => {
    const addressOf = async (forwarded?: string) =>
      (await auditOf((await create(MARIA, forwarded)).institutionId))[0]?.address;
    expect(await addressOf('203.0.113.7')).to.equal('203.0.113.7');
    expect(await addressOf('6.6.6.6, 203.0.113.7, 10.1.2.3')).to.equal('203.0.113.7');
    expect(await addressOf('2001:db8::7')).to.equal('2001:db8::7');
    for (const nonsense of ['<script>', '203.0.113.7:443, unknown', ',', '', ' '.repeat(50)])
      expect(await addressOf(nonsense), nonsense).to.match(/^(::ffff:)?127\.0\.0\.1$/);
    expect(await addressOf()).to.match(/127\.0\.0\.1$/);
  });

  it('has it over HTTP/2 as well', async () => {
    const client = http2.connect(service.url);
    const institutionId = randomUUID();
    const stream = client.request({
      ':method': 'POST',
      ':path': '/integrations',
      authorization: `Bearer ${MARIA}`,
      'content-type': 'application/json',
      'x-forwarded-for': '203.0.113.8',
    });
    stream.end(
      JSON.stringify({
        institutionId,
        provider: 'GENERIC_CSV',
        config: { importPath: 'school' },
        credentials: {},
      }),
    );
    await once(stream.resume(), 'close');
    client.close();
    expect((await auditOf(institutionId))[0]).to.include({ actor: 'maria', address: '203.0.113.8' });
  });
});

describe('the audit of a service without trusted proxies', () => {
  it('has the address of the peer, whatever X-Forwarded-For says', async () => {
    const service = await startService();
    const institutionId = randomUUID();
    const headers = {
      Authorization: `Bearer ${TOKEN}`,
      'Content-Type': 'application/json',
      'X-Forwarded-For': '203.0.113.7',
    };
    const body = JSON.stringify({
      institutionId,
      provider: 'GENERIC_CSV',
      config: { importPath: 's' },
      credentials: {},
    });
    await fetch(`${service.url}/integrations`, { method: 'POST', headers, body });
    const answer = await fetch(`${service.url}/institutions/${institutionId}/audit-events`, { headers });
    expect(((await answer.json()) as AuditRow[])[0]?.address).to.match(/127\.0\.0\.1$/);
    await service.stop();
  });
});
