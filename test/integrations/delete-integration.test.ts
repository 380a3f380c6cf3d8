import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { IntegrationProvider, MappingEntityType } from '../../src/index.js';
import { newCsvSource, readWholeFeed } from '../support/institution.js';
import { newSession, sharedServices } from '../support/services.js';

const { COURSE, GROUP, STUDENT } = MappingEntityType;
const SCHOOL = {
  'courses.csv': 'id,nombre,código\nC1,Matemática,MAT\nC2,Lenguaje,LEN\n',
  'teachers.csv': 'id,nombres\nT1,Leo\n',
  'groups.csv': 'id,nombre,curso_id\nG1,1A,C1\nG2,1A,C2\nG3,1B,\n',
  'students.csv': 'id,nombres,código\nS1,Ana,1\nS2,Eva,2\n',
  'memberships.csv': 'grupo_id,persona_id\nG1,S1\nG2,S2\n',
};
const TABLES = [
  'integration_mappings',
  'sync_runs',
  'sync_staged',
  'sync_changes',
  'sync_issues',
  'sync_conflicts',
  'outbox_deliveries',
  'outbox_sendings',
  'connector_memory',
];

async function rowsOf(integrationId: string) {
  const { database } = await sharedServices();
  const counts = TABLES.map(async (table) => {
    const sql = `SELECT count(*)::int AS count FROM ${table} WHERE integration_id = $1`;
    return (await database.query<{ count: number }>(sql, [integrationId]))[0]?.count;
  });
  return Object.fromEntries((await Promise.all(counts)).map((count, index) => [TABLES[index], count]));
}

/** Deletes the integration just before the nth transaction of some work; returns whether it came to that. */
async function deleteBefore(
  integrationId: string,
  nth: number,
  work: () => Promise<unknown>,
): Promise<boolean> {
  const { database, integrationService } = await sharedServices();
  const original = database.transaction.bind(database);
  const inside = new AsyncLocalStorage<true>();
  let count = 0;
  let deleted: Promise<unknown> | undefined;
  database.transaction = async <T>(run: () => Promise<T>): Promise<T> => {
    if (inside.getStore()) return original(run);
    count += 1;
    if (count === nth) {
      deleted = inside.run(true, () => integrationService.deleteIntegration(integrationId));
      await deleted;
    }
    return original(() => inside.run(true, run));
  };
  try {
    await work().catch(() => {});
    // It may have been a transaction of something else beside the work, which waits for nothing of it.
    await deleted;
  } finally {
    database.transaction = original;
  }
  return count >= nth;
}

/**
 * Does work of a new integration again and again, and deletes the integration before each of its
 * transactions.
 */
async function deleteBeforeEach(
  work: () => Promise<{ integrationId: string; run: () => Promise<unknown> }>,
): Promise<void> {
  for (let nth = 1, isOver = false; !isOver; nth++) {
    const { integrationId, run } = await work();
    isOver = !(await deleteBefore(integrationId, nth, run));
    if (!isOver)
      expect(await rowsOf(integrationId), `deleted before transaction ${nth}`).to.deep.equal(nothing);
    expect(nth).to.be.below(100);
  }
}

const nothing = Object.fromEntries(TABLES.map((table) => [table, 0]));

describe('deleting an integration', () => {
  it('leaves the feed as it was, and ends the memberships that it brought with entries at its end', async () => {
    const { integrationService, rosterService } = await sharedServices();
    const source = await newCsvSource(SCHOOL);
    await integrationService.syncData(source.integrationId);
    const [s1, s2] = [await source.idOf('S1'), await source.idOf('S2')];
    const [g1, g3] = [await source.idOf('G1', GROUP), await source.idOf('G3', GROUP)];
    const { institutionId } = source;
    await rosterService.putMembership({ institutionId, groupId: g3, personId: s1, role: 'STUDENT' });
    await source.write({ 'students.csv': 'id,nombres,código\nS1,Ana María,1\nS2,Eva,2\n' });
    await source.sync();
    const before = await readWholeFeed(institutionId);
    await integrationService.deleteIntegration(source.integrationId);
    for (const pageSize of [1, 3, 1_000]) {
      const { changes } = await readWholeFeed(institutionId, pageSize);
      expect(changes.slice(0, before.changes.length)).to.deep.equal(before.changes);
      const ends = changes.slice(before.changes.length);
      expect(ends.map(({ entity, action, runId }) => [entity, action, runId])).to.deep.equal([
        ['MEMBERSHIP', 'DELETE', ''],
        ['MEMBERSHIP', 'DELETE', ''],
      ]);
      expect(ends.map(({ entityId }) => entityId)).to.have.members([s1, s2]);
      expect(ends.find(({ entityId }) => entityId === s1)?.before).to.deep.equal({
        groupId: g1,
        personId: s1,
        role: 'STUDENT',
      });
    }
    // Whoever had read the feed to its end goes on from there.
    const since = await rosterService.listRosterChanges({ institutionId, pageToken: before.pageToken });
    expect(since.changes).to.have.lengthOf(2);
    const { items } = await rosterService.listMemberships({ institutionId });
    expect(items.map(({ groupId, personId }) => [groupId, personId])).to.deep.equal([[g3, s1]]);
    expect((await rosterService.listStudents({ institutionId })).items).to.have.lengthOf(2);
    expect(await rowsOf(source.integrationId)).to.deep.equal(nothing);
  });

  it('keeps what a merge did in the feed', async () => {
    const { integrationService, mappingService } = await sharedServices();
    const source = await newCsvSource(SCHOOL);
    await source.syncAll();
    const ids = {
      keepInternalId: await source.idOf('S1'),
      dropInternalId: await source.idOf('S2'),
      keepExternalId: 'S1',
    };
    await mappingService.repairs.merge({ ...source.of, ...ids });
    const { changes } = await readWholeFeed(source.institutionId);
    await integrationService.deleteIntegration(source.integrationId);
    expect((await readWholeFeed(source.institutionId)).changes.slice(0, changes.length)).to.deep.equal(
      changes,
    );
  });

  it('does not touch the memberships of another integration', async () => {
    const { integrationService, rosterService } = await sharedServices();
    const first = await newCsvSource(SCHOOL);
    await first.syncAll();
    const second = await newCsvSource(
      {
        'groups.csv': 'id,nombre\nH1,2A\n',
        'students.csv': 'id,nombres,código\nX1,Ana,1\n',
        'memberships.csv': 'grupo_id,persona_id\nH1,X1\n',
      },
      first.institutionId,
    );
    await second.syncAll();
    await integrationService.deleteIntegration(first.integrationId);
    const { items } = await rosterService.listMemberships({ institutionId: first.institutionId });
    expect(items.map(({ groupId }) => groupId)).to.deep.equal([await second.idOf('H1', GROUP)]);
  });

  it('and making it again brings the same courses, groups, people and memberships back, and none twice', async () => {
    const { integrationService, rosterService } = await sharedServices();
    const source = await newCsvSource(SCHOOL);
    const { institutionId } = source;
    await integrationService.syncData(source.integrationId);
    const before = {
      C1: await source.idOf('C1', COURSE),
      G1: await source.idOf('G1', GROUP),
      G2: await source.idOf('G2', GROUP),
      G3: await source.idOf('G3', GROUP),
      S1: await source.idOf('S1'),
    };
    await integrationService.deleteIntegration(source.integrationId);
    const again = await newCsvSource(SCHOOL, institutionId);
    expect(await integrationService.syncData(again.integrationId)).to.deep.include({ success: true });
    expect({
      C1: await again.idOf('C1', COURSE),
      G1: await again.idOf('G1', GROUP),
      G2: await again.idOf('G2', GROUP),
      G3: await again.idOf('G3', GROUP),
      S1: await again.idOf('S1'),
    }).to.deep.equal(before);
    expect((await rosterService.listGroups({ institutionId })).items).to.have.lengthOf(3);
    expect((await rosterService.listCourses({ institutionId })).items).to.have.lengthOf(2);
    expect((await rosterService.listMemberships({ institutionId })).items).to.have.lengthOf(2);
    // A rollback of the first sync does not take away what was there before it.
    const runs = (await integrationService.listSyncRuns(again.integrationId)).items;
    const whole = runs.find(({ entityType }) => entityType === 'ALL');
    await integrationService.rollbackSync(again.integrationId, whole?.id as string);
    expect((await rosterService.listGroups({ institutionId })).items).to.have.lengthOf(3);
  });

  it('links no group that another integration maps, that is of another term, or that may be either of two', async () => {
    const { rosterService } = await sharedServices();
    const first = await newCsvSource({ 'groups.csv': 'id,nombre\nG1,1A\n' });
    await first.sync(GROUP);
    const { institutionId } = first;
    const put = (n: number, name: string, academicTerm: string) =>
      rosterService.putGroup(institutionId, `00000000-0000-4000-8000-00000000ac0${n}`, {
        name,
        academicTerm,
      });
    await put(1, '1B', '2025');
    await put(2, '1C', '2026');
    await put(3, '1C', '2026');
    const second = await newCsvSource(
      { 'groups.csv': 'id,nombre,periodo\nH1,1A,2026\nH2,1B,2026\nH3,1C,2026\n' },
      institutionId,
    );
    expect((await second.sync(GROUP)).counts).to.deep.include({ created: 3, updated: 0 });
  });

  it('while a sync is under way leaves nothing of it, whatever the run still writes', async () => {
    await deleteBeforeEach(async () => {
      const source = await newCsvSource({ 'students.csv': 'id,nombres,correo\nS1,Ana,ana@\nS2,Eva,\n' });
      await source.sync();
      await source.write({ 'students.csv': 'id,nombres,correo\nS1,Ana,ana@\nS3,Paz,paz@\n' });
      return { integrationId: source.integrationId, run: () => source.sync(STUDENT) };
    });
  });

  it('while a preview is under way leaves nothing of it', async () => {
    const { integrationService } = await sharedServices();
    await deleteBeforeEach(async () => {
      const { integrationId } = await newCsvSource({ 'students.csv': 'id,nombres,correo\nS1,Ana,ana@\n' });
      return { integrationId, run: () => integrationService.previewSync(integrationId, STUDENT) };
    });
  });

  it('while attendance is being sent leaves no mark of it', async () => {
    const { integrationService } = await sharedServices();
    await deleteBeforeEach(async () => {
      const source = await newCsvSource(SCHOOL);
      await source.syncAll();
      const session = await newSession(source, { group: 'G1' }, { S1: 'LATE' });
      return {
        integrationId: source.integrationId,
        run: () => integrationService.sendAttendance(source.integrationId, session.id),
      };
    });
  });
});

describe('the uploaded files of an integration that is deleted', () => {
  /** An integration with an uploaded file; returns its id and the folder of the file. */
  async function uploaded() {
    const { integrationService, files } = await sharedServices();
    const { id } = await integrationService.createIntegration({
      institutionId: randomUUID(),
      provider: IntegrationProvider.GENERIC_CSV,
      config: { importPath: 'uploads/{id}' },
      credentials: {},
    });
    async function* content() {
      yield Buffer.from('id,nombres\n1,Ana\n');
    }
    await integrationService.uploadFile(id, { fileName: 'students.csv', content: content() });
    const folder = join(files, 'uploads', id);
    expect(await readdir(folder)).to.deep.equal(['students.csv']);
    return { id, folder };
  }

  it('go with it although the key of its credentials is gone, and its settings no longer hold', async () => {
    const { database, integrationService } = await sharedServices();
    const { id, folder } = await uploaded();
    await database.execute(
      `UPDATE integrations SET credentials = 'gone:x', config = config || '{"timeout": "x"}' WHERE id = $1`,
      [id],
    );
    await integrationService.deleteIntegration(id);
    expect(await readdir(folder)).to.deep.equal([]);
  });

  for (const [what, config] of [
    ['another folder is read by now', { importPath: 'elsewhere' }],
    ['the lists have other names by now', { files: { students: 'alumnos.csv' } }],
    ['a bucket is read by now', { s3Bucket: 'colegio' }],
  ] as const) {
    it(`go with it where ${what}`, async () => {
      const { integrationService } = await sharedServices();
      const { id, folder } = await uploaded();
      // What a process left that died while it took another.
      await writeFile(join(folder, `.${randomUUID()}.tmp`), 'id,nombres\n2,');
      await integrationService.updateIntegration(id, { config });
      await integrationService.deleteIntegration(id);
      expect(await readdir(folder)).to.deep.equal([]);
    });
  }
});
