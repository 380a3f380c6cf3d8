import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import type { StudentRecord } from '../../src/connectors/index.js';
import { MappingEntityType } from '../../src/index.js';
import { newSchool, sharedServices } from '../support/services.js';
import { syncServiceOf } from '../support/sync-service.js';

const { STUDENT } = MappingEntityType;

/** A school of nobody, and a sync of the records that a source yields. */
async function emptySchool() {
  const { database, rosterService, mappingService } = await sharedServices();
  const school = await newSchool();
  let pages: () => AsyncGenerator<StudentRecord[]>;
  const syncs = syncServiceOf(database, () => ({ entities: pages() }));
  const sync = (next: typeof pages) => {
    pages = next;
    return syncs.sync({ ...school, entityType: STUDENT });
  };
  const people = async () =>
    (await rosterService.listStudents({ institutionId: school.institutionId })).items;
  return { ...school, syncs, sync, people, database, rosterService, mappingService };
}

describe('a first sync', () => {
  it('numbers its changes, says on which line each stands, and leaves nothing staged', async () => {
    const { sync, syncs, integrationId, database } = await emptySchool();
    const { runId, counts } = await sync(async function* () {
      yield [
        { externalId: '1', givenName: 'Ana', line: 2 },
        { externalId: '2', givenName: ' ', line: 3 },
      ];
      yield [
        { externalId: '3', givenName: 'Eva', birthDate: '2012-05-09', metadata: { shift: 'a' }, line: 4 },
      ];
    });
    expect(counts).to.deep.include({ read: 3, created: 2, failed: 1 });
    const { items } = await syncs.listChanges(integrationId, runId, {});
    expect(
      items.map(({ seq, action, externalId, line, after }) => [seq, action, externalId, line, after]),
    ).to.deep.equal([
      [1, 'CREATE', '1', 2, { active: true, givenName: 'Ana' }],
      [
        2,
        'CREATE',
        '3',
        4,
        { active: true, givenName: 'Eva', birthDate: '2012-05-09', metadata: { shift: 'a' } },
      ],
    ]);
    expect(await database.query('SELECT 1 FROM sync_staged WHERE run_id = $1', [runId])).to.deep.equal([]);
  });

  it('recognizes somebody whom a backend put in while the source was being read', async () => {
    const { sync, people, institutionId, rosterService, integrationId, mappingService } = await emptySchool();
    const id = randomUUID();
    const { counts } = await sync(async function* () {
      yield [
        { externalId: '1', givenName: 'Ana', code: 'A1', email: 'ana@' },
        { externalId: '2', givenName: 'Eva', code: 'A2' },
      ];
      await rosterService.putStudent(institutionId, id, {
        givenName: 'Anita',
        code: 'A1',
        email: 'ana@x.cl',
      });
      yield [{ externalId: '3', givenName: 'Luz', code: 'A3' }];
    });
    expect(counts).to.deep.include({ read: 3, created: 2, updated: 1, conflicts: 0 });
    expect((await mappingService.getMappingByExternalId(integrationId, STUDENT, '1')).internalId).to.equal(
      id,
    );
    const names = (await people()).map(({ givenName, email }) => [givenName, email ?? null]).sort();
    expect(names, 'and what a warning dropped clears nothing').to.deep.equal([
      ['Ana', 'ana@x.cl'],
      ['Eva', null],
      ['Luz', null],
    ]);
  });

  it('leaves no part of a plan behind when the source fails', async () => {
    const { sync, syncs, people, integrationId } = await emptySchool();
    const { runId, success } = await sync(async function* () {
      for (let page = 0; page < 3; page++) {
        yield Array.from({ length: 400 }, (_, i) => ({ externalId: `${page}-${i}`, givenName: 'Ana' }));
      }
      throw new Error('cut');
    });
    expect(success).to.equal(false);
    expect((await syncs.listChanges(integrationId, runId, {})).items).to.deep.equal([]);
    expect(await people()).to.deep.equal([]);
  });

  it('stores what PostgreSQL cannot, without NUL characters and halves of characters', async () => {
    const { sync, people } = await emptySchool();
    await sync(async function* () {
      yield [
        {
          externalId: '1',
          givenName: 'Ana\ud800',
          metadata: { 'a\0': ['\ud800\\u0000', 'b\0'], c: '\\ud800' },
        },
      ];
    });
    const [ana] = await people();
    expect([ana?.givenName, ana?.metadata]).to.deep.equal([
      'Ana\ufffd',
      { a: ['\ufffd\\u0000', 'b'], c: '\\ud800' },
    ]);
  });
});
