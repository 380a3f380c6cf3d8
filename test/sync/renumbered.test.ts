import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { MappingEntityType } from '../../src/index.js';
import { planRekeys } from '../../src/sync/pipeline/index.js';
import { makeWayOnce } from '../support/make-way-once.js';
import { newSchool, sharedServices } from '../support/services.js';

const { GROUP, STUDENT } = MappingEntityType;
const NAMES = ['Ana', 'Luz', 'Eva', 'Paz', 'Sol', 'Mar', 'Flor', 'Rosa', 'Inés', 'Pía'];

/** A Chilean RUN with its check digit. */
function run(number: number): string {
  let sum = 0;
  [...String(number)].reverse().forEach((digit, i) => {
    sum += Number(digit) * (2 + (i % 6));
  });
  const rest = 11 - (sum % 11);
  return `${number}-${rest === 11 ? '0' : rest === 10 ? 'K' : rest}`;
}

/** The same people of a school, under ids of this form. */
function students(idOf: (n: number) => string, count = 30, more: readonly string[] = []): string {
  const rows = Array.from(
    { length: count },
    (_, n) => `${idOf(n)};${run(20_000_000 + n * 7)};${NAMES[n % 10]};Soto ${'ABC'[n % 3]}${n};G1`,
  );
  return `id;run;nombres;apellidos;grupo\n${[...rows, ...more].join('\n')}\n`;
}
const OLD = (n: number) => `A${n}`;
const NEW = (n: number) => `2027-${n}`;

async function schoolOf(text: string) {
  const { integrationService, database, mappingService } = await sharedServices();
  const school = await newSchool({ 'students.csv': text, 'groups.csv': 'id,nombre\nG1,1A\n' });
  const { integrationId, institutionId } = school;
  await integrationService.syncData(integrationId, GROUP);
  const first = await integrationService.syncData(integrationId, STUDENT);
  expect(first.success).to.equal(true);
  /** Who is who: the name of each person, the person's UUID and the id in the school. */
  const people = async () => {
    const rows = await database.query<{ name: string; id: string; externalId: string; active: boolean }>(
      `SELECT s.family_name AS name, s.id, m.external_id AS "externalId", s.active FROM students s
       LEFT JOIN integration_mappings m ON m.integration_id = $1 AND m.internal_id = s.id
       WHERE s.institution_id = $2 ORDER BY s.family_name`,
      [integrationId, institutionId],
    );
    return rows;
  };
  const memberships = async () =>
    (
      await database.query('SELECT person_id FROM memberships WHERE institution_id = $1 ORDER BY 1', [
        institutionId,
      ])
    ).length;
  const waiting = async () =>
    (await integrationService.listConflicts(integrationId, { pageSize: 1_000 })).items;
  return { ...school, integrationService, mappingService, people, memberships, waiting };
}

/** That everybody is the same person as before, now under these ids. */
async function expectSame(
  before: readonly { id: string; name: string; externalId: string }[],
  after: readonly { id: string; name: string; externalId: string; active: boolean }[],
  renamed: (externalId: string) => string,
) {
  expect(after).to.deep.equal(
    before.map(({ id, name, externalId }) => ({ id, name, externalId: renamed(externalId), active: true })),
  );
}
const toNew = (id: string) => id.replace('A', '2027-');

describe('a school that renumbered its students', () => {
  it('has its plan held with how many of those who would go look like those who would come', async () => {
    const school = await schoolOf(students(OLD));
    // Twenty-eight of them are still there under new ids; two have left, two are new.
    const list = students(NEW, 28, [
      `N1;${run(9_000_001)};Tomás;Ríos;G1`,
      `N2;${run(9_000_019)};Iván;Lira;G1`,
    ]);
    await school.write({ 'students.csv': list });
    const report = await school.integrationService.syncData(school.integrationId, STUDENT);
    expect(report.status).to.equal('HELD');
    expect(report.errors[0]).to.equal(
      'Held: 30 of 30 (100 %) students would go, more than 10 %. 28 of these 30 look like new rows of the source: the same person under another id. If the school changed its ids, approve the plan as a re-key, and they stay who they are; nothing was changed.',
    );
  });

  it('can be re-keyed by the plan that was held, although a preview was made and put away meanwhile', async () => {
    const school = await schoolOf(students(OLD));
    const { integrationService, integrationId } = school;
    const before = await school.people();
    await school.write({ 'students.csv': students(NEW) });
    const { runId } = await integrationService.syncData(integrationId, STUDENT);
    const preview = await integrationService.previewSync(integrationId, STUDENT);
    expect((await integrationService.listRekeys(integrationId, runId)).total).to.equal(30);
    await integrationService.discardSync(integrationId, preview.runId);
    expect(await school.waiting()).to.have.length(30);
    const { counts } = await integrationService.approveSync(integrationId, runId, '', { rekey: true });
    expect(counts).to.deep.include({ updated: 30, missing: 0, conflicts: 0 });
    await expectSame(before, await school.people(), toNew);
  });

  it('is planned and re-keyed as ever where the database makes both make way for others once', async () => {
    const school = await schoolOf(students(OLD));
    const { integrationService, integrationId } = school;
    const { database } = await sharedServices();
    const before = await school.people();
    await school.write({ 'students.csv': students(NEW) });
    const planned = await makeWayOnce(database, { integrationId, column: 'planned_changes' }, () =>
      integrationService.syncData(integrationId, STUDENT),
    );
    expect(planned.writes).to.be.greaterThan(1);
    expect(planned.result).to.deep.include({ status: 'HELD' });
    expect(planned.result.counts).to.deep.include({ conflicts: 30, missing: 30, updated: 0 });
    const { runId } = planned.result;
    const { result, writes } = await makeWayOnce(
      database,
      { integrationId, column: 'applied_position' },
      () => integrationService.approveSync(integrationId, runId, 'new year', { rekey: true }),
    );
    expect(writes).to.be.greaterThan(1);
    expect(result.counts).to.deep.include({ updated: 30, missing: 0, conflicts: 0, moved: 0 });
    await expectSame(before, await school.people(), toNew);
  });

  it('keeps everybody by one approval as a re-key, which was shown before and can be taken back', async () => {
    const school = await schoolOf(students(OLD));
    const { integrationService, integrationId } = school;
    const before = await school.people();
    await school.write({ 'students.csv': students(NEW) });
    const { runId } = await integrationService.syncData(integrationId, STUDENT);
    const preview = await integrationService.listRekeys(integrationId, runId, { pageSize: 20 });
    expect(preview.total).to.equal(30);
    expect(preview.items).to.have.length(20);
    expect(preview.items[0]).to.deep.include({ formerId: 'A0', externalId: '2027-0', rule: 'nationalId' });
    const rest = await integrationService.listRekeys(integrationId, runId, {
      pageToken: preview.nextPageToken,
    });
    expect([rest.items.length, rest.nextPageToken]).to.deep.equal([10, undefined]);
    expect(await school.people()).to.deep.equal(before);

    const approved = await integrationService.approveSync(integrationId, runId, 'new year', { rekey: true });
    expect(approved).to.deep.include({ success: true, status: 'COMPLETED' });
    expect(approved.counts).to.deep.include({
      updated: 30,
      missing: 0,
      conflicts: 0,
      deactivated: 0,
      moved: 0,
    });
    await expectSame(before, await school.people(), toNew);
    expect(await school.waiting()).to.deep.equal([]);
    expect(await school.memberships()).to.equal(30);

    const next = await integrationService.syncData(integrationId, STUDENT);
    expect(next).to.deep.include({ success: true, gaps: [] });
    expect(next.counts).to.deep.include({ created: 0, unchanged: 30, missing: 0, conflicts: 0 });
    expect(await school.memberships()).to.equal(30);

    const shown = await integrationService.rollbackSync(integrationId, runId, { preview: true });
    await expectSame(before, await school.people(), toNew);
    const back = await integrationService.approveSync(integrationId, shown.runId);
    expect(back).to.deep.include({ success: true, status: 'COMPLETED' });
    await expectSame(before, await school.people(), (id) => id);
    const again = await integrationService.rollbackSync(integrationId, back.runId);
    expect(again).to.deep.include({ success: true });
    await expectSame(before, await school.people(), toNew);
  });

  it('keeps everybody in a sync of everything that is approved as a re-key as a whole', async () => {
    const school = await schoolOf(students(OLD));
    const { integrationService, integrationId } = school;
    const before = await school.people();
    await school.write({ 'students.csv': students(NEW) });
    const { runId, status } = await integrationService.syncData(integrationId);
    expect(status).to.equal('HELD');
    expect((await integrationService.listRekeys(integrationId, runId)).total).to.equal(30);
    const approved = await integrationService.approveSync(integrationId, runId, '', { rekey: true });
    expect(approved).to.deep.include({ success: true, status: 'COMPLETED' });
    await expectSame(before, await school.people(), toNew);
  });

  it('has nobody re-keyed by a plain approval, also of a plan whose approval as a re-key failed before', async () => {
    const school = await schoolOf(students(OLD));
    const { integrationService, integrationId } = school;
    await school.write({ 'students.csv': students(NEW) });
    const { runId } = await integrationService.syncData(integrationId, STUDENT);
    // What an approval leaves behind whose process died, or whose turn did not come.
    const { database } = await sharedServices();
    const plan = await integrationService.getSyncRun(integrationId, runId);
    expect(await database.transaction(() => planRekeys(database, plan, { rekey: true }))).to.equal(30);
    const approved = await integrationService.approveSync(integrationId, runId);
    expect(approved.counts).to.deep.include({ missing: 30, conflicts: 30 });
    expect((await school.people()).map(({ externalId }) => externalId)).to.include('A0');
    // They wait on: one decision in bulk still keeps everybody.
    const bulk = { entityType: STUDENT, rule: 'nationalId', resolution: 'LINK' } as const;
    const done = await integrationService.resolveConflicts(integrationId, bulk);
    expect(done).to.deep.include({ rekeyed: 30, resolved: 0, left: 0 });
    await expectSame(await school.people(), await school.people(), (id) => id);
    expect((await school.people()).map(({ externalId }) => externalId)).to.not.include('A0');
  });

  it('is refused a re-key of a plan in which nobody has another id', async () => {
    const school = await schoolOf(students(OLD));
    const { integrationService, integrationId } = school;
    await school.write({ 'students.csv': students(OLD, 3) });
    const { runId } = await integrationService.syncData(integrationId, STUDENT);
    const error = await integrationService
      .approveSync(integrationId, runId, '', { rekey: true })
      .catch((thrown: unknown) => thrown);
    expect(error).to.include({ code: 'failed_precondition', reason: 'NOTHING_TO_REKEY' });
    expect((await integrationService.getSyncRun(integrationId, runId)).status).to.equal('HELD');
  });

  it('leaves alone in a re-key who has another name, and who changed since the plan was made', async () => {
    const school = await schoolOf(students(OLD));
    const { integrationService, integrationId, mappingService } = school;
    const before = await school.people();
    // A0 has a typing error in one name, A1 is somebody else under the same RUN.
    const text = students(NEW)
      .replace('2027-0;20000000-5;Ana;Soto A0', '2027-0;20000000-5;Anna;Soto A0')
      .replace(/2027-1;([^;]+);Luz;Soto B1/, '2027-1;$1;Pedro;Rojas');
    await school.write({ 'students.csv': text });
    const { runId } = await integrationService.syncData(integrationId, STUDENT);
    expect((await integrationService.listRekeys(integrationId, runId)).total).to.equal(29);
    await mappingService.repairs.rekey({
      integrationId,
      entityType: STUDENT,
      externalId: 'A2',
      newExternalId: 'Z2',
    });
    await integrationService.approveSync(integrationId, runId, '', { rekey: true });
    const after = new Map((await school.people()).map((person) => [person.id, person.externalId]));
    const expected = before.map(({ id, externalId }) => [
      id,
      externalId === 'A1' ? 'A1' : externalId === 'A2' ? 'Z2' : toNew(externalId),
    ]);
    expect([...after].sort()).to.deep.equal(expected.sort());
  });

  it('may give each person the id that another had before', async () => {
    const school = await schoolOf(students(OLD, 30));
    const { integrationService, integrationId } = school;
    const before = await school.people();
    const shifted = (n: number) => `A${(n + 1) % 30}`;
    await school.write({ 'students.csv': students(shifted) });
    const report = await integrationService.syncData(integrationId, STUDENT);
    expect(report.counts).to.deep.include({ conflicts: 30, missing: 0 });
    expect(await school.people()).to.deep.equal(before);
    const bulk = { entityType: STUDENT, rule: 'nationalId', resolution: 'LINK' } as const;
    const preview = await integrationService.resolveConflicts(integrationId, { ...bulk, preview: true });
    expect(preview).to.deep.include({ rekeyed: 30, resolved: 0, left: 0 });
    expect(preview.decided[0]).to.deep.include({ externalId: 'A0', formerId: 'A29' });
    expect(await school.people()).to.deep.equal(before);
    expect(await school.waiting()).to.have.length(30);
    await integrationService.resolveConflicts(integrationId, { ...bulk, reason: 'new year' });
    await expectSame(before, await school.people(), (id) => `A${(Number(id.slice(1)) + 1) % 30}`);
    expect((await integrationService.syncData(integrationId, STUDENT)).counts).to.deep.include({
      unchanged: 30,
      conflicts: 0,
      missing: 0,
    });
  });
});

describe('a school whose code is the id', () => {
  it('keeps everybody by a plan approved as a re-key, although each has a code that another had', async () => {
    const coded = (idOf: (n: number) => string) => students(idOf).replace('id;', 'código;');
    const school = await schoolOf(coded(OLD));
    const { integrationService, integrationId } = school;
    const before = await school.people();
    await school.write({ 'students.csv': coded((n) => `A${(n + 1) % 30}`) });
    const { runId } = await integrationService.previewSync(integrationId, STUDENT);
    expect((await integrationService.listRekeys(integrationId, runId)).total).to.equal(30);
    const approved = await integrationService.approveSync(integrationId, runId, '', { rekey: true });
    expect(approved.counts).to.deep.include({ updated: 30, conflicts: 0, moved: 0 });
    await expectSame(before, await school.people(), (id) => `A${(Number(id.slice(1)) + 1) % 30}`);
    const { counts } = await integrationService.syncData(integrationId, STUDENT);
    expect(counts).to.deep.include({ created: 0, conflicts: 0, missing: 0 });
  });
});

describe('a school whose students a person linked, and that renumbered them', () => {
  /** Thirty people of a backend, all of whom a decision in bulk linked; `idsOf` writes their rows under other ids. */
  async function linkedSchool() {
    const { integrationService, mappingService, rosterService, database } = await sharedServices();
    const school = await newSchool({});
    const { integrationId, institutionId } = school;
    const rows = (idOf: (n: number) => string) =>
      Array.from(
        { length: 30 },
        (_, n) => `${idOf(n)};${run(20_000_000 + n * 7)};${NAMES[n % 10]};Soto ${n};p${n}@x.example`,
      );
    const write = (idOf: (n: number) => string, more: readonly string[] = []) =>
      school.write({
        'students.csv': `id;run;nombres;apellidos;correo\n${[...rows(idOf), ...more].join('\n')}\n`,
      });
    for (let n = 0; n < 30; n += 1)
      await rosterService.putStudent(institutionId, randomUUID(), {
        givenName: NAMES[n % 10] as string,
        familyName: `Soto ${n}`,
        email: `p${n}@x.example`,
      });
    await write(OLD);
    const sync = () => integrationService.syncData(integrationId, STUDENT);
    expect((await sync()).counts).to.deep.include({ created: 0, conflicts: 30 });
    const bulk = { entityType: STUDENT, resolution: 'LINK' } as const;
    await integrationService.resolveConflicts(integrationId, { ...bulk, rule: 'email and familyName' });
    expect((await sync()).counts).to.deep.include({ created: 0, updated: 30, conflicts: 0 });
    /** The id in the school -> the person. */
    const people = async () => {
      const found = await database.query<{ externalId: string; id: string }>(
        `SELECT external_id AS "externalId", internal_id AS id FROM integration_mappings
         WHERE integration_id = $1 ORDER BY 2`,
        [integrationId],
      );
      return Object.fromEntries(found.map(({ externalId, id }) => [externalId, id]));
    };
    const renamed = (before: Record<string, string>, idOf: (id: string) => string) =>
      Object.fromEntries(Object.entries(before).map(([id, person]) => [idOf(id), person]));
    return { ...school, integrationService, mappingService, sync, write, people, renamed, bulk };
  }

  it('has everybody re-keyed, this year and the next, and back', async () => {
    const school = await linkedSchool();
    const { integrationService, integrationId } = school;
    const before = await school.people();
    await school.write(NEW);
    const held = await school.sync();
    expect(held.errors[0]).to.contain('30 of these 30 look like new rows of the source');
    const { counts } = await integrationService.approveSync(integrationId, held.runId, '', { rekey: true });
    expect(counts).to.deep.include({ updated: 30, missing: 0, conflicts: 0 });
    expect(await school.people()).to.deep.equal(school.renamed(before, toNew));
    await school.write((n) => `2028-${n}`);
    const { runId } = await school.sync();
    expect((await integrationService.listRekeys(integrationId, runId)).total).to.equal(30);
    await integrationService.rollbackSync(integrationId, held.runId);
    expect(await school.people()).to.deep.equal(before);
    await school.write(NEW);
    await school.sync();
    const again = await integrationService.resolveConflicts(integrationId, {
      ...school.bulk,
      rule: 'nationalId',
    });
    expect(again).to.deep.include({ rekeyed: 30, resolved: 0, left: 0 });
    expect(await school.people()).to.deep.equal(school.renamed(before, toNew));
  });

  it('may give the ids of before to somebody new, and each person that of another', async () => {
    const school = await linkedSchool();
    const { integrationService, integrationId } = school;
    const before = await school.people();
    await school.write(NEW);
    const { runId } = await school.sync();
    await integrationService.approveSync(integrationId, runId, '', { rekey: true });
    await school.write(NEW, [`A0;${run(9_000_001)};Tomás;Ríos;t@x.example`]);
    expect((await school.sync()).counts).to.deep.include({ created: 1, conflicts: 0, missing: 0 });
    const shifted = (n: number) => `2027-${(n + 1) % 30}`;
    await school.write(shifted, [`A0;${run(9_000_001)};Tomás;Ríos;t@x.example`]);
    await school.sync();
    const done = await integrationService.resolveConflicts(integrationId, {
      ...school.bulk,
      rule: 'nationalId',
    });
    expect(done).to.deep.include({ rekeyed: 30, left: 0 });
    const { A0: _, ...others } = await school.people();
    const next = (id: string) => `2027-${(Number(id.slice(1)) + 1) % 30}`;
    expect(others).to.deep.equal(school.renamed(before, next));
    expect((await school.sync()).counts).to.deep.include({ unchanged: 31, conflicts: 0, missing: 0 });
  });

  it('is told to re-key where a person would link one of them, whose decision is no claim of somebody else', async () => {
    const school = await linkedSchool();
    const { integrationService, integrationId } = school;
    const { A0: person } = await school.people();
    await school.write((n) => (n === 0 ? 'X0' : OLD(n)));
    await school.sync();
    const [conflict] = (await integrationService.listConflicts(integrationId)).items;
    expect(conflict).to.deep.include({ externalId: 'X0' });
    const refused = await integrationService
      .resolveConflict(integrationId, conflict?.id as string, 'LINK', person)
      .catch((thrown: unknown) => thrown);
    expect(refused).to.include({ reason: 'LINK_TARGET_MAPPED' });
    const { repairs } = school.mappingService;
    await repairs.rekey({ integrationId, entityType: STUDENT, externalId: 'A0', newExternalId: 'X0' });
    // The id before is anybody's from now on.
    await school.write((n) => (n === 0 ? 'X0' : OLD(n)), [`A0;${run(9_000_001)};Tomás;Ríos;t@x.example`]);
    expect((await school.sync()).counts).to.deep.include({ created: 1, conflicts: 0, missing: 0 });
    expect((await school.people()).X0).to.equal(person);
  });
});

describe('many conflicts at once', () => {
  it('are linked by a rule where there is no doubt, and the others wait', async () => {
    const { integrationService, rosterService } = await sharedServices();
    const school = await newSchool({});
    const { integrationId, institutionId } = school;
    const put = (n: number, givenName: string) =>
      rosterService.putStudent(institutionId, `00000000-0000-4000-8000-00000000000${n}`, {
        givenName,
        familyName: 'Soto',
        email: `p${n}@x.example`,
      });
    await Promise.all([put(1, 'Ana'), put(2, 'Luz'), put(3, 'Eva')]);
    await school.write({
      'students.csv':
        'id,nombres,apellidos,correo\n1,Ana María,Rojas,p1@x.example\n2,Luz,Díaz,p2@x.example\n3,Eva,Vera,p3@x.example\n4,Eva,Mora,p3@x.example\n',
    });
    const report = await integrationService.syncData(integrationId, STUDENT);
    expect(report.counts.conflicts).to.equal(4);
    const bulk = { entityType: STUDENT, rule: 'email', resolution: 'LINK' } as const;
    const preview = await integrationService.resolveConflicts(integrationId, { ...bulk, preview: true });
    expect(preview).to.deep.include({ resolved: 2, rekeyed: 0, left: 2 });
    expect((await integrationService.listConflicts(integrationId)).items).to.have.length(4);
    expect(await integrationService.resolveConflicts(integrationId, bulk)).to.deep.include({ resolved: 2 });
    expect((await integrationService.listConflicts(integrationId)).items).to.have.length(2);
    const created = { ...bulk, resolution: 'CREATE' } as const;
    expect(await integrationService.resolveConflicts(integrationId, created)).to.deep.include({
      resolved: 2,
      left: 0,
    });
    const { counts } = await integrationService.syncData(integrationId, STUDENT);
    expect(counts).to.deep.include({ created: 2, updated: 2, conflicts: 0 });
    expect((await rosterService.listStudents({ institutionId })).items).to.have.length(5);
  });
});

describe('a conflict', () => {
  it('that only a held plan has met is gone when the plan is discarded', async () => {
    const school = await schoolOf(students(OLD));
    const { integrationService, integrationId } = school;
    await school.write({ 'students.csv': students(NEW) });
    // Two readings, of which the second takes the place of the first.
    await integrationService.syncData(integrationId, STUDENT);
    const { runId } = await integrationService.syncData(integrationId, STUDENT);
    expect(await school.waiting()).to.have.length(30);
    await integrationService.discardSync(integrationId, runId);
    expect(await school.waiting()).to.deep.equal([]);
    const preview = await integrationService.previewSync(integrationId);
    expect(await school.waiting()).to.have.length(30);
    await integrationService.discardSync(integrationId, preview.runId);
    expect(await school.waiting()).to.deep.equal([]);
  });

  it('that an applied run has met stays when a later plan that has it too is discarded', async () => {
    const school = await schoolOf(students(OLD));
    const { integrationService, integrationId } = school;
    await school.write({
      'students.csv': students(OLD, 29).replace('A3;', 'X3;'),
    });
    const report = await integrationService.syncData(integrationId, STUDENT);
    expect(report).to.deep.include({ status: 'COMPLETED' });
    expect(await school.waiting()).to.have.length(1);
    const preview = await integrationService.previewSync(integrationId, STUDENT);
    await integrationService.discardSync(integrationId, preview.runId);
    expect(await school.waiting()).to.have.length(1);
  });

  it('closes by itself once a later complete reading no longer has it', async () => {
    const school = await schoolOf(students(OLD));
    const { integrationService, integrationId } = school;
    const held = students(NEW);
    await school.write({ 'students.csv': held });
    await integrationService.syncData(integrationId, STUDENT);
    expect(await school.waiting()).to.have.length(30);
    await school.write({ 'students.csv': students(OLD) });
    const report = await integrationService.syncData(integrationId, STUDENT);
    expect(report).to.deep.include({ success: true });
    expect(await school.waiting()).to.deep.equal([]);
  });
});
