import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { rest, sharedService } from '../support/service.js';

const hex = (n: number) => n.toString(16).padStart(24, '0');

function student(n: number, changes: object = {}) {
  const metadata = { role: 'student', school: hex(900), user: hex(n) };
  return {
    name: 'Ana',
    second_name: 'María',
    surname: 'Soto',
    second_surname: '',
    email: 'ana@colegio.example',
    parents: [hex(7)],
    metadata,
    ...changes,
  };
}

async function integration(provider = 'IDUKAY') {
  const { url } = await sharedService();
  const institutionId = randomUUID();
  const credentials = provider === 'IDUKAY' ? { apiKey: 'k', institutionCode: 'CSM' } : {};
  const config = provider === 'IDUKAY' ? {} : { importPath: 'x' };
  const { body } = await rest(url, 'POST', '/integrations', { institutionId, provider, config, credentials });
  return { url, institutionId, id: body.id as string };
}

/** As Idukay calls: without a bearer token. */
async function push(url: string, method: string, path: string, body: unknown) {
  const response = await fetch(url + path, {
    method,
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

describe('what Idukay pushes', () => {
  it('a new student comes in, an update changes the same one, and nobody else is touched', async () => {
    const { url, id, institutionId } = await integration();
    const { path, secret } = (await rest(url, 'POST', `/integrations/${id}/push-secret`, {})).body;
    expect(path).to.equal(`/integrations/${id}/idukay/${secret}/students`);
    expect(secret.length).to.be.greaterThan(40);
    await push(url, 'POST', path, student(2, { name: 'Otro' }));
    const created = await push(url, 'POST', path, student(1));
    expect(created.status).to.equal(200);
    const { userId } = created.body.data as { userId: string };
    expect(created.body).to.deep.equal({ status: 'success', data: { userId } });
    const updated = await push(url, 'PUT', path, {
      ...student(1, { surname: 'Ríos' }),
      userId,
      unknown: { kept: 'away' },
    });
    expect(updated.body).to.deep.equal({ status: 'success', data: { userId } });
    const found = await rest(url, 'GET', `/institutions/${institutionId}/students/${userId}`);
    expect(found.body).to.deep.include({
      givenName: 'Ana María',
      familyName: 'Ríos',
      email: 'ana@colegio.example',
      active: true,
    });
    expect((await rest(url, 'GET', `/institutions/${institutionId}/students`)).body).to.have.length(2);
    const mapping = await rest(url, 'GET', `/integrations/${id}/mappings/STUDENT/external/${hex(1)}`);
    expect(mapping.body.internalId).to.equal(userId);
  });

  it('many at once all come in', async () => {
    const { url, id, institutionId } = await integration();
    const { path } = (await rest(url, 'POST', `/integrations/${id}/push-secret`, {})).body;
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, n) => push(url, 'POST', path, student(n))),
    );
    expect(new Set(answers.map(({ status }) => status))).to.deep.equal(new Set([200]));
    expect((await rest(url, 'GET', `/institutions/${institutionId}/students`)).body).to.have.length(12);
  });

  it('a secret that is wrong or was replaced opens nothing', async () => {
    const { url, id } = await integration();
    const { path } = (await rest(url, 'POST', `/integrations/${id}/push-secret`, {})).body;
    const { path: newer } = (await rest(url, 'POST', `/integrations/${id}/push-secret`, {})).body;
    for (const wrong of [
      path,
      `/integrations/${id}/idukay/wrong/students`,
      `/integrations/${randomUUID()}/idukay/x/students`,
    ]) {
      expect(await push(url, 'POST', wrong, student(1)).then(({ status }) => status)).to.equal(404);
    }
    expect((await push(url, 'POST', newer, student(1))).status).to.equal(200);
    // Nowhere is it shown again.
    const shown = JSON.stringify((await rest(url, 'GET', `/integrations/${id}`)).body);
    expect(shown).to.not.contain(newer.split('/')[4]);
  });

  it('a body that cannot be used is a 4xx that names the field', async () => {
    const { url, id } = await integration();
    const { path } = (await rest(url, 'POST', `/integrations/${id}/push-secret`, {})).body;
    const TABLE: [unknown, RegExp][] = [
      [student(1, { name: '' }), /name is empty/],
      [student(1, { metadata: { role: 'parent', user: hex(1) } }), /metadata\.role must be "student"/],
      [
        student(1, { metadata: { role: 'student', user: '12' } }),
        /metadata\.user must be 24 hexadecimal digits/,
      ],
      [{}, /name is required; metadata is required/],
    ];
    for (const [body, message] of TABLE) {
      const answer = await push(url, 'POST', path, body);
      expect(answer.status).to.equal(400);
      expect(answer.body.message).to.match(message);
    }
  });

  it('other providers do not push', async () => {
    const { url, id } = await integration('GENERIC_CSV');
    expect((await rest(url, 'POST', `/integrations/${id}/push-secret`, {})).status).to.equal(501);
  });
});
