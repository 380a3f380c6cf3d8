import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { rest, sharedService, TOKEN } from '../support/service.js';

describe('a search of people over the network', () => {
  it('is a parameter of the lists over REST and of the calls of Connect, and is refused when it is too long', async () => {
    const { url } = await sharedService();
    const institution = `/institutions/${randomUUID()}`;
    for (const kind of ['students', 'teachers']) {
      const names = ['Ñandú', 'Soto'];
      for (const familyName of names)
        await rest(url, 'PUT', `${institution}/${kind}/${randomUUID()}`, { givenName: 'Eva', familyName });
      const { body } = await rest(url, 'GET', `${institution}/${kind}?query=eva%20nan`);
      expect((body as { familyName: string }[]).map(({ familyName }) => familyName)).to.deep.equal(['Ñandú']);
      const { status } = await rest(url, 'GET', `${institution}/${kind}?query=${'a'.repeat(201)}`);
      expect(status).to.equal(400);
    }
    const answer = await fetch(`${url}/smartid.roster.v1.RosterService/ListStudents`, {
      method: 'POST',
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      body: JSON.stringify({ institutionId: institution.split('/')[2], query: 'SOT' }),
    });
    const { students } = (await answer.json()) as { students: unknown[] };
    expect(students).to.have.length(1);
  });
});
