import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { rest } from '../support/service.js';
import { school } from './command.js';

const CSV = {
  'students.csv': 'id,first_name,last_name,email\nS1,Ana,Paz,ana@example.org\nS2,Anaïs,Soto,\nS3,Eva,Rey,\n',
  'teachers.csv': 'id,first_name,last_name\nT1,Ana,Luz\n',
};

describe('people by the command line', () => {
  let at: Awaited<ReturnType<typeof school>>;
  before(async () => {
    at = await school(CSV);
    const synced = await at.smartid('sync', at.id, '--watch');
    expect(synced.code, synced.err).to.equal(0);
  });

  const find = async (...args: string[]) => {
    const found: Record<string, unknown>[] = await at.json('people', 'find', at.institutionId, ...args);
    return found.map(({ entityType, givenName, familyName }) => `${entityType} ${givenName} ${familyName}`);
  };

  it('are found by the beginnings of words, students before teachers, of one type, and no more than asked for', async () => {
    expect(await find('ana')).to.deep.equal(['STUDENT Ana Paz', 'STUDENT Anaïs Soto', 'TEACHER Ana Luz']);
    expect(await find('paz', 'an')).to.deep.equal(['STUDENT Ana Paz']);
    expect(await find('ana', '--entity', 'teacher')).to.deep.equal(['TEACHER Ana Luz']);
    expect(await find('nobody')).to.deep.equal([]);
    expect(await find()).to.have.length(4);
    expect(await find('--limit', '3')).to.have.length(3);
    const course = await at.smartid('people', 'find', at.institutionId, 'ana', '--entity', 'COURSE');
    expect(course.code).to.equal(2);
    expect(course.err).to.contain('STUDENT, TEACHER');
  });

  it('are shown with their ids in every system and who changed what, newest first', async () => {
    const [found] = await at.json('people', 'find', at.institutionId, 'paz');
    expect(found).to.include({ entityType: 'STUDENT', email: 'ana@example.org', active: true });
    await rest(at.url, 'PUT', `/institutions/${at.institutionId}/students/${found.id}`, {
      familyName: 'Paz Gil',
    });
    const shown = await at.json('people', 'show', at.institutionId, found.id);
    expect(shown.entityType).to.equal('STUDENT');
    expect(shown.person).to.include({ id: found.id, familyName: 'Paz Gil' });
    expect(shown.mappings).to.have.length(1);
    expect(shown.mappings[0]).to.include({ provider: 'GENERIC_CSV', integrationId: at.id, externalId: 'S1' });
    expect(shown.changes.map(({ action }: { action: string }) => action)).to.deep.equal(['UPDATE', 'CREATE']);
    const table = await at.smartid('people', 'show', at.institutionId, found.id, '--limit', '1');
    expect(table.out)
      .to.match(/familyName +Paz Gil/)
      .and.match(/GENERIC_CSV +S1 +ACTIVE/);
    expect(table.out).to.contain('UPDATE').and.not.contain('CREATE');
  });

  it('that are not there are named, with where to look; 1', async () => {
    const [teacher] = await at.json('people', 'find', at.institutionId, 'luz');
    const id = randomUUID();
    for (const [args, says] of [
      [[id], `no student or teacher ${id}`],
      [[teacher.id, '--entity', 'STUDENT'], `no student ${teacher.id}`],
    ] as const) {
      const { code, out, err } = await at.smartid('people', 'show', at.institutionId, ...args);
      expect({ code, out }).to.deep.equal({ code: 1, out: '' });
      expect(err).to.contain(says).and.contain('smartid audit changes');
    }
  });
});
