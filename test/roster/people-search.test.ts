import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { sharedServices } from '../support/services.js';

const PEOPLE = [
  { givenName: 'María José', familyName: 'Ñandú Güell', email: 'mj.nandu@sanmartin.example', code: 'E-100' },
  {
    givenName: 'Ana-María',
    familyName: "O'Higgins",
    email: 'ana@sanmartin.example',
    nationalId: '22000793-6',
  },
  { givenName: 'José', familyName: 'Soto', email: 'jose.soto@otro.example', code: '7' },
] as const;

/** An institution with these people among many; what a text finds, by family names in their order. */
async function school() {
  const { rosterService, database } = await sharedServices();
  const institutionId = randomUUID();
  for (const person of PEOPLE) await rosterService.putStudent(institutionId, randomUUID(), person);
  const search = async (query: string, pageSize = 100) => {
    const found: string[] = [];
    for (let pageToken: string | undefined = ''; pageToken !== undefined; ) {
      const page = await rosterService.listStudents({ institutionId, query, pageSize, pageToken });
      found.push(...page.items.map(({ familyName }) => familyName));
      pageToken = page.nextPageToken;
    }
    return found.sort();
  };
  return { institutionId, search, rosterService, database };
}

describe('a search of people', () => {
  it('finds those of whom each word begins a name, an e-mail, a national id or a code, or a part of one; accents and capitals aside', async () => {
    const { search } = await school();
    const cases: Record<string, string[]> = {
      nandu: ['Ñandú Güell'],
      'ÑANDÚ maría': ['Ñandú Güell'],
      guell: ['Ñandú Güell'],
      'jose soto': ['Soto'],
      jose: ['Soto', 'Ñandú Güell'],
      "o'hig": ["O'Higgins"],
      higgins: ["O'Higgins"],
      maria: ["O'Higgins", 'Ñandú Güell'],
      'mj.nandu@san': ['Ñandú Güell'],
      '22000793': ["O'Higgins"],
      '22.000.793-6': ["O'Higgins"],
      'e-100': ['Ñandú Güell'],
      aria: [],
      'ana soto': [],
    };
    const found = await Promise.all(
      Object.keys(cases).map(async (query) => [query, await search(query)] as const),
    );
    expect(Object.fromEntries(found)).to.deep.equal(cases);
  });

  it('takes everything for text: what has a meaning in queries finds nobody, and a blank finds everybody', async () => {
    const { search, institutionId } = await school();
    for (const query of [
      "'",
      '\\',
      "\\'",
      "ana':*|'jose",
      '!ana',
      'ana | jose',
      '.*',
      '(',
      '[a-z]',
      '^ana',
      '\\mana',
      'a{1',
      '***=ana',
      '<->',
      '%',
      `x\0y`,
      ':*',
    ])
      expect(await search(query), query).to.deep.equal([]);
    expect(await search('  \n ')).to.have.length(3);
    expect(await search(institutionId)).to.deep.equal([]);
  });

  it('stays within its institution and within the group, and follows what is edited', async () => {
    const { search, institutionId, rosterService } = await school();
    const other = await school();
    expect(await other.search('soto')).to.have.length(1);
    const [soto] = (await rosterService.listStudents({ institutionId, query: 'soto' })).items;
    const groupId = randomUUID();
    await rosterService.putGroup(institutionId, groupId, { name: '1A' });
    const of = { institutionId, groupId };
    expect((await rosterService.listStudents({ ...of, query: 'soto' })).items).to.deep.equal([]);
    await rosterService.putMembership({ ...of, personId: soto?.id as string, role: 'STUDENT' });
    expect((await rosterService.listStudents({ ...of, query: 'soto' })).items).to.have.length(1);
    await rosterService.putStudent(institutionId, soto?.id as string, { familyName: 'Araya' });
    expect(await search('soto'), 'by the e-mail').to.deep.equal(['Araya']);
    expect(await search('jose.soto araya')).to.deep.equal(['Araya']);
    await rosterService.putStudent(institutionId, soto?.id as string, { email: '' });
    expect(await search('jose.soto')).to.deep.equal([]);
  });

  it('finds teachers too', async () => {
    const { institutionId, rosterService } = await school();
    await rosterService.putTeacher(institutionId, randomUUID(), { givenName: 'Eva', familyName: 'Pérez' });
    expect((await rosterService.listTeachers({ institutionId, query: 'perez' })).items).to.have.length(1);
    expect((await rosterService.listTeachers({ institutionId, query: 'soto' })).items).to.have.length(0);
  });

  it('has pages that neither repeat nor leave out, among 20,000 others', async () => {
    const { institutionId, search, database } = await school();
    await database.query(
      `INSERT INTO students (institution_id, id, given_name, family_name, email)
       SELECT $1::uuid, gen_random_uuid(), 'Nombre ' || n, 'Apellido ' || n, 's' || n || '@colegio.example'
       FROM generate_series(1, 20000) n`,
      [institutionId],
    );
    expect(await search('s1999', 4)).to.have.length(11);
    expect(await search('apellido 1999 nombre', 3)).to.have.length(11);
  });
});
