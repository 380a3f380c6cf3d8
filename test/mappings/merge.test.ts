import { expect } from 'chai';
import { MappingEntityType } from '../../src/index.js';
import { newCsvSource, readWholeFeed } from '../support/institution.js';
import { sharedServices } from '../support/services.js';

const { COURSE, GROUP, STUDENT } = MappingEntityType;
const HEADER = 'id,rut,nombres,apellidos,correo,código';
const students = (...rows: string[]) => ({ 'students.csv': `${[HEADER, ...rows].join('\n')}\n` });

const errorOf = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: { code: string; reason?: string; message: string }) => error,
  );

/**
 * Two integrations of one institution: B has somebody of A's twice, under ids of its own, and A has both as
 * well.
 */
async function twoSources(second: string[] = ['B1,,Ana,Soto,,C-1', 'B2,,Anita,Soto,,C-2']) {
  const a = await newCsvSource(students('A1,,Ana,Soto,,C-1', 'A2,,Anita,Soto,,C-2'));
  await a.sync();
  const b = await newCsvSource(students(...second), a.institutionId);
  await b.sync();
  const ids = { keepInternalId: await a.idOf('A1'), dropInternalId: await a.idOf('A2') };
  return {
    a,
    b,
    keep: ids.keepInternalId,
    drop: ids.dropInternalId,
    merge: { ...a.of, ...ids, keepExternalId: 'A1' },
  };
}

describe('a merge of two people', () => {
  it('leads the mapping of another integration to the kept one, and its next change does not bring the other back', async () => {
    const { rosterService, mappingService } = await sharedServices();
    const { a, b, keep, drop, merge } = await twoSources(['B2,,Anita,Soto,,C-2']);
    expect(await b.idOf('B2')).to.equal(drop);
    await mappingService.repairs.merge(merge);
    expect(await b.idOf('B2')).to.equal(keep);
    await b.write(students('B2,,Anita María,Soto,,C-2'));
    expect((await b.sync()).counts).to.deep.include({ created: 0, updated: 1, conflicts: 0 });
    expect(await rosterService.getStudent(a.institutionId, drop)).to.deep.include({
      active: false,
      givenName: 'Anita',
    });
    expect(await rosterService.getStudent(a.institutionId, keep)).to.deep.include({
      active: true,
      givenName: 'Anita María',
    });
    const { items } = await mappingService.repairs.history({ ...b.of, externalId: 'B2' });
    expect(items.map(({ action, internalId }) => [action, internalId]).slice(1, 3)).to.deep.equal([
      ['LINK', keep],
      ['UNLINK', drop],
    ]);
  });

  it('keeps one of two mappings of another integration and leaves the other id out', async () => {
    const { mappingService, integrationService } = await sharedServices();
    const { b, keep, merge } = await twoSources();
    await mappingService.repairs.merge(merge);
    expect([await b.idOf('B1'), await b.idOf('B2')]).to.deep.equal([keep, undefined]);
    expect((await b.sync()).counts).to.deep.include({ created: 0, conflicts: 1, missing: 0 });
    const { items } = await integrationService.listConflicts(b.integrationId, { resolved: true });
    expect(items).to.have.lengthOf(1);
    expect(items[0]).to.deep.include({ externalId: 'B2', resolution: 'IGNORE', internalId: keep });
  });

  it('keeps the mapping of another integration whose source still has it', async () => {
    const { mappingService } = await sharedServices();
    const { b, keep, merge } = await twoSources();
    await b.write(students('B2,,Anita,Soto,,C-2'));
    await b.sync();
    await mappingService.repairs.merge(merge);
    expect([await b.idOf('B1'), await b.idOf('B2')]).to.deep.equal([undefined, keep]);
    expect((await b.sync()).counts).to.deep.include({ created: 0, conflicts: 0, missing: 0 });
  });

  it('leaves an id of another integration out that its source lacked then and has again', async () => {
    const { mappingService } = await sharedServices();
    const { b, keep, merge } = await twoSources();
    await b.write(students('B2,,Anita,Soto,,C-2'));
    await b.sync();
    await mappingService.repairs.merge(merge);
    await b.write(students('B1,,Ana,Soto,,', 'B2,,Anita,Soto,,C-2'));
    expect((await b.sync()).counts).to.deep.include({ created: 0, conflicts: 1, missing: 0 });
    expect([await b.idOf('B1'), await b.idOf('B2')]).to.deep.equal([undefined, keep]);
  });

  it('leaves an id out as long as its row may be who it was: one that is given to somebody else brings that one in', async () => {
    const { mappingService, rosterService } = await sharedServices();
    const { a, b, keep, merge } = await twoSources([
      'B1,7654321-6,Ana,Soto,,C-1',
      'B2,20000000-5,Anita,Soto,,C-2',
    ]);
    await b.write(students('B1,7654321-6,Ana,Soto,,C-1'));
    await b.sync();
    await mappingService.repairs.merge(merge);
    // One has a name of which no word is the same, the other the family name and a national id of its own.
    await a.write(students('A1,,Ana,Soto,,C-1', 'A2,,Pedro,Rojas,,'));
    expect((await a.sync()).counts).to.deep.include({ created: 1, conflicts: 0 });
    await b.write(students('B1,7654321-6,Ana,Soto,,C-1', 'B2,12345678-5,Eva,Soto,,'));
    expect((await b.sync()).counts).to.deep.include({ created: 1, conflicts: 0 });
    const eva = await rosterService.getStudent(a.institutionId, await b.idOf('B2'));
    expect(eva).to.deep.include({ givenName: 'Eva', active: true });
    expect([await a.idOf('A1'), await b.idOf('B1')]).to.deep.equal([keep, keep]);
  });

  it('lets the id that was left out wait for a decision once the source has that one alone: the person can be re-keyed to it', async () => {
    const { integrationService, mappingService, rosterService } = await sharedServices();
    const rows = ['A1,7654321-6,Ana,Soto,,', 'A2,20000000-5,Anita,Soto,,'];
    const a = await newCsvSource(students(...rows));
    await a.sync();
    const [keep, drop] = [await a.idOf('A1'), await a.idOf('A2')];
    await mappingService.repairs.merge({
      ...a.of,
      keepInternalId: keep,
      dropInternalId: drop,
      keepExternalId: 'A1',
    });
    // The school mends its two rows in the other way, and has mended the national id of that one.
    const [first, second] = [rows[0] as string, 'A2,7654321-6,Anita,Soto,,'];
    await a.write(students(second));
    expect((await a.sync()).counts).to.deep.include({ created: 0, conflicts: 1, missing: 1 });
    const waiting = async () => (await integrationService.listConflicts(a.integrationId)).items;
    expect(await waiting()).to.deep.equal([]);
    // A reading that has both again asks nothing.
    await a.write(students(first, second));
    expect((await a.sync()).counts).to.deep.include({ created: 0, conflicts: 1, missing: 0 });
    expect(await waiting()).to.deep.equal([]);
    await a.write(students(second));
    await a.sync();
    await a.sync();
    const [conflict] = await waiting();
    expect(conflict).to.deep.include({ externalId: 'A2', reason: 'looks like the person with id "A1"' });
    const bulk = { entityType: STUDENT, rule: 'nationalId', resolution: 'LINK' } as const;
    const done = await integrationService.resolveConflicts(a.integrationId, bulk);
    expect(done).to.deep.include({ rekeyed: 1, left: 0 });
    expect((await a.sync()).counts).to.deep.include({ created: 0, conflicts: 0, missing: 0 });
    expect(await a.idOf('A2')).to.equal(keep);
    expect((await rosterService.getStudent(a.institutionId, keep)).active).to.equal(true);
  });

  it('is known to an integration that comes later: it neither links the dropped one nor offers it', async () => {
    const { mappingService } = await sharedServices();
    const { a, keep, drop, merge } = await twoSources();
    await mappingService.repairs.merge(merge);
    const c = await newCsvSource(students('X1,,Anita,Soto,,C-2', 'X2,,Ana,Soto,,C-1'), a.institutionId);
    await c.sync();
    expect(await c.idOf('X1')).to.not.equal(drop);
    expect(await c.idOf('X2')).to.equal(keep);
  });

  it('leads waiting conflicts and decisions to the kept one', async () => {
    const { mappingService, integrationService } = await sharedServices();
    const { a, keep, drop, merge } = await twoSources();
    await a.write(students('A1,,Ana,Soto,ana@x.cl,C-1', 'A2,,Anita,Soto,ana@x.cl,C-2'));
    await a.sync();
    const c = await newCsvSource(students('X1,,Ana,Paz,ana@x.cl,', 'X2,,Eva,Paz,ana@x.cl,'), a.institutionId);
    expect((await c.sync()).counts).to.deep.include({ created: 0, conflicts: 2 });
    const conflicts = async () => (await integrationService.listConflicts(c.integrationId)).items;
    const [x1] = await conflicts();
    await integrationService.resolveConflict(c.integrationId, x1?.id as string, 'LINK', drop);
    await mappingService.repairs.merge(merge);
    const [x2] = await conflicts();
    expect(x2?.candidates.map(({ internalId }) => internalId)).to.deep.equal([keep]);
    await c.sync();
    expect(await c.idOf('X1')).to.equal(keep);
    const refusal = await errorOf(
      integrationService.resolveConflict(c.integrationId, x2?.id as string, 'LINK', drop),
    );
    expect(refusal).to.deep.include({ code: 'invalid_argument', reason: 'LINK_TARGET_MERGED' });
  });

  it('is left out of plans that waited: approving one does not bring the dropped person back', async () => {
    const { mappingService, integrationService, rosterService } = await sharedServices();
    const { a, drop, merge } = await twoSources(['B1,,Ana,Soto,,C-1']);
    await rosterService.putStudent(a.institutionId, drop, { active: false });
    const c = await newCsvSource(students('X1,,Anita,Soto,,C-2'), a.institutionId);
    const { runId } = await integrationService.previewSync(c.integrationId, STUDENT);
    await mappingService.repairs.merge(merge);
    await integrationService.approveSync(c.integrationId, runId);
    expect((await rosterService.getStudent(a.institutionId, drop)).active).to.equal(false);
    expect(await c.idOf('X1')).to.equal(undefined);
    const { items } = await integrationService.listSyncChanges(c.integrationId, runId, { outcome: 'MOVED' });
    expect(items.map(({ internalId }) => internalId)).to.deep.equal([drop]);
  });

  it('waits for a sync of another integration of the institution', async () => {
    const { database, mappingService } = await sharedServices();
    const { b, merge } = await twoSources(['B2,,Anita,Soto,,C-2']);
    await database.execute(
      `INSERT INTO sync_runs (integration_id, id, institution_id, entity_type, owner, lease_until)
       VALUES ($1, $1, $2, 'STUDENT', $1, now() + interval '1 hour')`,
      [b.integrationId, b.institutionId],
    );
    expect(await errorOf(mappingService.repairs.merge(merge))).to.deep.include({ code: 'aborted' });
    await database.execute(`UPDATE sync_runs SET status = 'FAILED' WHERE integration_id = $1 AND id = $1`, [
      b.integrationId,
    ]);
    await mappingService.repairs.merge(merge);
  });

  it('leaves no run in an integration that it does not touch', async () => {
    const { integrationService, mappingService } = await sharedServices();
    const { a, merge } = await twoSources();
    const c = await newCsvSource(students(), a.institutionId);
    await mappingService.repairs.merge(merge);
    expect((await integrationService.listSyncRuns(c.integrationId)).items).to.deep.equal([]);
  });

  it('follows chains: who was merged into the dropped one before is then the kept one', async () => {
    const { database, mappingService } = await sharedServices();
    const { a, keep, drop, merge } = await twoSources();
    await mappingService.repairs.merge(merge);
    await a.write(students('A1,,Ana,Soto,,C-1', 'A3,,Ana,Soto,,'));
    await a.sync();
    const third = await a.idOf('A3');
    await mappingService.repairs.merge({
      ...a.of,
      keepInternalId: third,
      dropInternalId: keep.toUpperCase(),
      keepExternalId: 'A3 ',
    });
    const rows = await database.query(
      'SELECT merged_into AS into FROM students WHERE institution_id = $1 AND id = ANY($2::uuid[])',
      [a.institutionId, [keep, drop]],
    );
    expect(rows).to.deep.equal([{ into: third }, { into: third }]);
    const again = await errorOf(
      mappingService.repairs.merge({ ...a.of, keepInternalId: drop, dropInternalId: third }),
    );
    expect(again).to.deep.include({ code: 'failed_precondition', reason: 'STUDENT_MERGED' });
  });

  it('takes two spellings of one id for the same person, and refuses to merge it with itself', async () => {
    const { mappingService } = await sharedServices();
    const { a, keep } = await twoSources();
    const merge = { ...a.of, keepInternalId: keep, dropInternalId: keep.toUpperCase() };
    expect(await errorOf(mappingService.repairs.merge(merge))).to.deep.include({ code: 'invalid_argument' });
  });

  it('turns away edits and marks of the dropped one, naming the kept one', async () => {
    const { mappingService, rosterService } = await sharedServices();
    const { a, keep, drop, merge } = await twoSources();
    await mappingService.repairs.merge(merge);
    const edit = await errorOf(rosterService.putStudent(a.institutionId, drop, { active: true }));
    expect(edit).to.deep.include({ code: 'failed_precondition', reason: 'STUDENT_MERGED' });
    expect(edit?.message).to.contain(keep);
    const group = '00000000-0000-4000-8000-00000000ab01';
    await rosterService.putGroup(a.institutionId, group, { name: '1A' });
    const membership = {
      institutionId: a.institutionId,
      groupId: group,
      personId: drop,
      role: 'STUDENT' as const,
    };
    expect(await errorOf(rosterService.putMembership(membership))).to.deep.include({
      code: 'invalid_argument',
    });
    const [id, day] = ['00000000-0000-4000-8000-00000000ab02', '2026-03-02T1'];
    const times = { startsAt: new Date(`${day}1:00:00Z`), endsAt: new Date(`${day}2:00:00Z`) };
    const lesson = {
      id,
      institutionId: a.institutionId,
      groupId: group,
      courseId: null,
      teacherId: null,
      topic: null,
      ...times,
    };
    await rosterService.putClassSession(lesson);
    const none = { arrivalTime: null, permanencePercentage: null, origin: null, source: null, remarks: null };
    const marks = [
      { ...none, studentId: keep, status: 'LATE' as const },
      { ...none, studentId: drop, status: 'LATE' as const },
    ];
    const refused = await errorOf(rosterService.recordAttendance(a.institutionId, id, marks));
    expect(refused).to.deep.include({ code: 'invalid_argument', reason: 'UNKNOWN_REFERENCE' });
  });
});

describe('a merge of two courses', () => {
  it('says in the feed which groups go over to the kept one', async () => {
    const { mappingService } = await sharedServices();
    const source = await newCsvSource({
      'courses.csv': 'id,nombre\nC1,Matemática\nC2,Matemáticas\n',
      'groups.csv': 'id,nombre,curso_id\nG1,1A,C2\n',
    });
    await source.sync(COURSE);
    await source.sync(GROUP);
    const [keep, drop] = [await source.idOf('C1', COURSE), await source.idOf('C2', COURSE)];
    const merge = {
      integrationId: source.integrationId,
      entityType: COURSE,
      keepInternalId: keep,
      dropInternalId: drop,
    };
    await mappingService.repairs.merge({ ...merge, keepExternalId: 'C1' });
    const { changes } = await readWholeFeed(source.institutionId);
    expect(changes.slice(-2).map(({ entity, before, after }) => ({ entity, before, after }))).to.deep.equal([
      { entity: 'GROUP', before: { courseId: drop }, after: { courseId: keep } },
      { entity: 'COURSE', before: { active: true }, after: { active: false } },
    ]);
  });
});
