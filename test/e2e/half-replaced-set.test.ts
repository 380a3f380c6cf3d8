import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { rest, sharedService, TOKEN } from '../support/service.js';

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i + 1);
const students = (id: string) =>
  `id,nombres,apellidos\n${numbers(40)
    .map((n) => `${id}${n},Nombre${n},Apellido${n}\n`)
    .join('')}`;
/** Four groups: fewer than the guard minds by themselves. */
const groups = (id: string) =>
  `id,nombre\n${numbers(4)
    .map((n) => `${id}${n},Curso ${id}${n}\n`)
    .join('')}`;
const memberships = (group: string, person: string) =>
  `grupo_id,persona_id,rol\n${numbers(40)
    .map((n) => `${group}${(n % 4) + 1},${person}${n},alumno\n`)
    .join('')}`;

interface Report {
  success: boolean;
  errors: string[];
}

/** A school whose lists were uploaded and synced. */
async function school(lists: Record<string, string>) {
  const { url } = await sharedService();
  const institutionId = randomUUID();
  const config = { importPath: 'uploads/{id}' };
  const made = await rest(url, 'POST', '/integrations', {
    institutionId,
    provider: 'GENERIC_CSV',
    config,
    credentials: {},
  });
  const { id } = made.body as { id: string };
  const count = async (what: string) =>
    ((await rest(url, 'GET', `/institutions/${institutionId}/${what}`)).body as object[]).length;
  const at = {
    async upload(files: Record<string, string>) {
      for (const [name, content] of Object.entries(files)) {
        const form = new FormData();
        form.append('file', new Blob([content]), name);
        const headers = { Authorization: `Bearer ${TOKEN}` };
        const answer = await fetch(`${url}/integrations/${id}/files`, {
          method: 'POST',
          headers,
          body: form,
        });
        expect(answer.status, await answer.text()).to.equal(200);
      }
    },
    sync: async () => (await rest(url, 'POST', `/integrations/${id}/sync`, {})).body as Report,
    /** Students, and those of them who are in a group. */
    inGroups: async () => [await count('students?pageSize=100'), await count('memberships?pageSize=100')],
  };
  await at.upload(lists);
  await at.sync();
  return at;
}

const OLD = {
  'students.csv': students('S'),
  'groups.csv': groups('G'),
  'memberships.csv': memberships('G', 'S'),
};

describe('a set of files of which only some were replaced', () => {
  const withoutGroups = {
    'students.csv': `id,nombres,curso\n${numbers(40)
      .map((n) => `S${n},Nombre${n},${n % 4} A\n`)
      .join('')}`,
  };
  for (const [what, lists, replaced, told] of [
    [
      'groups of another year, with the memberships of the one before',
      OLD,
      { 'groups.csv': groups('H') },
      /^Held: 40 of 40 \(100 %\) people would be left without a group/,
    ],
    [
      'a first list of groups, where students.csv named others',
      withoutGroups,
      { 'groups.csv': groups('H') },
      /^Held: 40 of 40 \(100 %\) people/,
    ],
    [
      'students of another year, with the memberships of the one before',
      OLD,
      { 'students.csv': students('T') },
      /^Held: 40 of 40 \(100 %\) students would go/,
    ],
    [
      'memberships of students who are not there yet',
      OLD,
      { 'memberships.csv': memberships('G', 'T') },
      /student "T1" is not known/,
    ],
    [
      'memberships of groups that are not there yet',
      OLD,
      { 'memberships.csv': memberships('H', 'S') },
      /group "H2" is not known/,
    ],
  ] as const) {
    it(`takes nobody out of the roster or a group, however often it is synced: ${what}`, async () => {
      const at = await school(lists);
      expect(await at.inGroups()).to.deep.equal([40, 40]);
      await at.upload(replaced);
      for (let night = 1; night <= 3; night++) {
        const { errors } = await at.sync();
        // Who is missing for the first time is not gone yet.
        if (night > 1) expect(errors.join('\n')).to.match(new RegExp(told.source, 'm'));
        expect(await at.inGroups()).to.deep.equal([40, 40]);
      }
    });
  }

  it('is right by itself once the others have come, and asks nobody', async () => {
    const at = await school(OLD);
    await at.upload({ 'groups.csv': groups('H') });
    for (let night = 0; night < 2; night++) await at.sync();
    await at.upload({ 'memberships.csv': memberships('H', 'S') });
    // Groups come before members: those who hold back the old ones leave them only now.
    await at.sync();
    expect((await at.sync()).errors).to.deep.equal([]);
    expect(await at.inGroups()).to.deep.equal([40, 40]);
  });

  it('holds nothing where all that belongs together was replaced', async () => {
    const at = await school(OLD);
    await at.upload({ 'groups.csv': groups('H'), 'memberships.csv': memberships('H', 'S') });
    for (let night = 0; night < 3; night++)
      expect(await at.sync()).to.deep.include({ success: true, errors: [] });
    expect(await at.inGroups()).to.deep.equal([40, 40]);
  });
});
