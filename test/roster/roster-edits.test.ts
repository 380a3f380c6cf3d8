import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { MappingEntityType } from '../../src/index.js';
import { newSchool, sharedServices } from '../support/services.js';

const { STUDENT, TEACHER } = MappingEntityType;
const HEADER = 'id,rut,nombres,apellidos,correo,código';

async function refusal(promise: Promise<unknown>) {
  return promise.then(
    () => undefined,
    (error: { code: string; violations?: { field: string }[] }) => ({
      code: error.code,
      fields: error.violations?.map(({ field }) => field),
    }),
  );
}

describe('edits of the roster by a backend', () => {
  it('put people in, change the fields that are named, clean and check them, and mark them as edited', async () => {
    const { rosterService } = await sharedServices();
    const [institutionId, id] = [randomUUID(), randomUUID()];
    const created = await rosterService.putStudent(institutionId, id, {
      givenName: ' Ana  María ',
      nationalId: '12.345.678-5',
    });
    expect(created).to.deep.include({ givenName: 'Ana María', nationalId: '12345678-5', active: true });
    expect(created.editedFields).to.deep.equal(['givenName', 'nationalId']);
    const changed = await rosterService.putStudent(institutionId, id, { email: 'ana@x.cl', nationalId: '' });
    expect(changed).to.deep.include({ givenName: 'Ana María', nationalId: null, email: 'ana@x.cl' });
    expect(changed.editedFields).to.deep.equal(['email', 'givenName', 'nationalId']);
    const wrong = await refusal(
      rosterService.putStudent(institutionId, id, { email: 'ana@', enrolledOn: '31/02/2026' }),
    );
    expect(wrong).to.deep.equal({ code: 'invalid_argument', fields: ['email', 'enrolledOn'] });
    expect(
      await refusal(rosterService.putCourse(institutionId, randomUUID(), { code: 'M1' })),
    ).to.deep.include({
      fields: ['name'],
    });
    expect(await rosterService.getStudent(institutionId, id)).to.deep.equal(changed);
  });

  it('stand in the feed of changes in the order of their commits, beside those of syncs', async () => {
    const { rosterService, integrationService } = await sharedServices();
    const school = await newSchool({ 'students.csv': `${HEADER}\nS1,,Eva,Paz,,\n` });
    const { institutionId } = school;
    const [student, group] = [randomUUID(), randomUUID()];
    await rosterService.putStudent(institutionId, student, { givenName: 'Ana' });
    await integrationService.syncData(school.integrationId, STUDENT);
    await rosterService.putGroup(institutionId, group, { name: '1A' });
    const membership = { institutionId, groupId: group, personId: student, role: 'STUDENT' as const };
    await rosterService.putMembership(membership);
    await rosterService.putMembership(membership);
    await rosterService.putStudent(institutionId, student, { givenName: 'Ana' });
    await rosterService.deleteMembership(membership);
    const seen: string[] = [];
    let pageToken = '';
    for (let hasMore = true; hasMore; ) {
      const page = await rosterService.listRosterChanges({ institutionId, pageSize: 2, pageToken });
      seen.push(
        ...page.changes.map(({ entity, action, runId }) => `${entity} ${action}${runId ? ' by a sync' : ''}`),
      );
      ({ hasMore } = page);
      pageToken = page.nextPageToken;
    }
    expect(seen).to.deep.equal([
      'STUDENT CREATE',
      'STUDENT CREATE by a sync',
      'GROUP CREATE',
      'MEMBERSHIP CREATE',
      'MEMBERSHIP DELETE',
    ]);
  });

  it('refuse a course that is no UUID or not there, and store nothing', async () => {
    const { rosterService } = await sharedServices();
    const [institutionId, id] = [randomUUID(), randomUUID()];
    for (const courseId of ['1A', randomUUID(), '\0']) {
      const wrong = await refusal(rosterService.putGroup(institutionId, id, { name: '1A', courseId }));
      expect(wrong, courseId).to.deep.equal({ code: 'invalid_argument', fields: ['courseId'] });
    }
    expect(await refusal(rosterService.getGroup(institutionId, id))).to.deep.include({ code: 'not_found' });
    expect((await rosterService.listRosterChanges({ institutionId })).changes).to.deep.equal([]);
  });

  it('take ids in capitals for the same, so that repeating changes nothing', async () => {
    const { rosterService } = await sharedServices();
    const [institutionId, course, group, student] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()];
    const upper = (id: string) => id.toUpperCase();
    await rosterService.putCourse(institutionId, course, { name: 'Matemática' });
    await rosterService.putStudent(institutionId, student, { givenName: 'Ana' });
    for (const spell of [upper, String]) {
      await rosterService.putGroup(spell(institutionId), spell(group), {
        name: '1A',
        courseId: spell(course),
      });
      const ids = { institutionId: spell(institutionId), groupId: spell(group), personId: spell(student) };
      await rosterService.putMembership({ ...ids, role: 'STUDENT' });
    }
    const { changes } = await rosterService.listRosterChanges({ institutionId });
    expect(
      changes.map(({ entityId, action, after }) => ({ entityId, action, after })).slice(2),
    ).to.deep.equal([
      { entityId: group, action: 'CREATE', after: { name: '1A', courseId: course } },
      { entityId: student, action: 'CREATE', after: { groupId: group, personId: student, role: 'STUDENT' } },
    ]);
  });

  it('wait for whoever changes the same institution, however its id is written', async () => {
    const { rosterService, database } = await sharedServices();
    for (const spell of [String, (id: string) => id.toUpperCase()]) {
      const institutionId = randomUUID();
      let begin = () => {};
      const begun = new Promise<void>((resolve) => {
        begin = resolve;
      });
      // As the transaction of a sync does: the lock first, its place in the feed at the end.
      const sync = database.transaction(async () => {
        await database.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [institutionId]);
        begin();
        await sleep(200);
        const [row] = await database.query<{ position: string }>(
          `SELECT nextval('sync_runs_position') AS position`,
        );
        return BigInt(row?.position as string);
      });
      await begun;
      await rosterService.putStudent(spell(institutionId), randomUUID(), { givenName: 'Ana' });
      const [edit] = await database.query<{ position: string }>(
        'SELECT position FROM roster_edits WHERE institution_id = $1',
        [institutionId],
      );
      expect(BigInt(edit?.position as string) > (await sync)).to.equal(true);
    }
  });

  it('are missed by no reader who follows the feed while backends and a sync write at once', async () => {
    const { rosterService, integrationService } = await sharedServices();
    const rows = Array.from({ length: 50 }, (_, i) => `S${i},,Eva,Paz ${i},,`);
    const { institutionId, integrationId } = await newSchool({
      'students.csv': [HEADER, ...rows].join('\n'),
    });
    const ids = Array.from({ length: 30 }, () => randomUUID());
    let writing = true;
    const writers = Promise.all([
      integrationService.syncData(integrationId, STUDENT),
      ...ids.map((id) => rosterService.putStudent(institutionId, id, { givenName: 'Ana' })),
    ]).finally(() => {
      writing = false;
    });
    const seen: string[] = [];
    let pageToken = '';
    for (let isLast = false; !isLast; ) {
      isLast = !writing;
      for (let hasMore = true; hasMore; ) {
        const page = await rosterService.listRosterChanges({ institutionId, pageSize: 7, pageToken });
        seen.push(...page.changes.map(({ entityId }) => entityId));
        ({ hasMore, nextPageToken: pageToken } = page);
      }
    }
    await writers;
    expect(seen).to.have.length(80);
    expect(new Set(seen).size).to.equal(80);
    expect(seen).to.include.members(ids);
  });
});

describe('who wins in a field', () => {
  const cases: [policy: string | undefined, edited: string | undefined, synced: string][] = [
    [undefined, 'a', 'of the source'],
    ['SOURCE', 'a', 'of the source'],
    ['SMARTID', undefined, 'of the source'],
    ['SMARTID', 'ours@x.cl', 'ours@x.cl'],
    ['FILL', 'ours@x.cl', 'ours@x.cl'],
    ['FILL', '', 'of the source'],
  ];
  for (const [policy, edited, winner] of cases) {
    it(`${policy ?? 'without a policy'}, ${edited === undefined ? 'never edited' : edited === '' ? 'emptied here' : 'edited here'}: ${winner === 'of the source' ? 'the source' : 'SmartID'}`, async () => {
      const { integrationService, rosterService, mappingService } = await sharedServices();
      const school = await newSchool({ 'students.csv': `${HEADER}\nS1,,Ana,Soto,old@x.cl,\n` });
      const { integrationId, institutionId } = school;
      if (policy)
        await integrationService.updateIntegration(integrationId, {
          policy: { fields: { STUDENT: { email: policy } } },
        });
      await integrationService.syncData(integrationId, STUDENT);
      const { internalId } = await mappingService.getMappingByExternalId(integrationId, STUDENT, 'S1');
      if (edited !== undefined) {
        const email = edited === 'a' ? 'ours@x.cl' : edited;
        await rosterService.putStudent(institutionId, internalId, { email });
      }
      await school.write({ 'students.csv': `${HEADER}\nS1,,Ana,Soto,new@x.cl,\n` });
      await integrationService.syncData(integrationId, STUDENT);
      const { email } = await rosterService.getStudent(institutionId, internalId);
      expect(email).to.equal(winner === 'of the source' ? 'new@x.cl' : winner);
    });
  }

  it('is checked when it is set', async () => {
    const { integrationService } = await sharedServices();
    const { integrationId } = await newSchool();
    const wrong = await refusal(
      integrationService.updateIntegration(integrationId, {
        policy: { fields: { STUDENT: { email: 'BOTH' } } },
      }),
    );
    expect(wrong).to.deep.equal({ code: 'invalid_argument', fields: ['policy.fields.STUDENT.email'] });
  });
});

describe('new people of a source who are in the roster already', () => {
  type Person = {
    nationalId?: string;
    givenName?: string;
    familyName?: string;
    email?: string;
    code?: string;
  };

  /** A roster with these people, and a source with these rows. */
  async function meet(people: Person[], rows: string[], type = STUDENT) {
    const { rosterService, integrationService } = await sharedServices();
    const file = type === STUDENT ? 'students.csv' : 'teachers.csv';
    const school = await newSchool({ [file]: [HEADER, ...rows].join('\n') });
    const ids: string[] = [];
    for (const person of people) {
      const id = randomUUID();
      const put = { givenName: 'Ana', ...person };
      await (type === STUDENT
        ? rosterService.putStudent(school.institutionId, id, put)
        : rosterService.putTeacher(school.institutionId, id, put));
      ids.push(id);
    }
    const sync = () => integrationService.syncData(school.integrationId, type);
    const conflicts = async () => (await integrationService.listConflicts(school.integrationId)).items;
    const mapped = async () => {
      const { mappingService } = await sharedServices();
      return new Map(
        (await mappingService.listMappings(school.integrationId)).items.map((m) => [
          m.externalId,
          m.internalId,
        ]),
      );
    };
    return { ...school, ids, sync, conflicts, mapped, integrationService, rosterService };
  }

  const sure: [what: string, person: Person, row: string][] = [
    ['national id', { nationalId: '12345678-5' }, 'S1,12.345.678-5,Otra,Persona,,'],
    ['code', { code: 'A-17' }, 'S1,,Otra,Persona,,A-17'],
  ];
  for (const [what, person, row] of sure) {
    for (const type of [STUDENT, TEACHER]) {
      it(`are linked by the same ${what} (${type})`, async () => {
        const school = await meet([person, { email: 'x@x.cl' }], [row], type);
        const report = await school.sync();
        expect(report.counts).to.deep.include({ created: 0, updated: 1, conflicts: 0 });
        expect((await school.mapped()).get('S1')).to.equal(school.ids[0]);
        const { items } = await school.integrationService.listSyncChanges(school.integrationId, report.runId);
        expect(items.map(({ action }) => action)).to.deep.equal(['LINK']);
        expect((await school.sync()).counts).to.deep.include({ created: 0, updated: 0, unchanged: 1 });
      });
    }
  }

  const doubtful: [what: string, people: Person[], rows: string[], conflicts: number, reason: RegExp][] = [
    [
      'e-mail and family name',
      [{ email: 'ANA@x.cl', familyName: 'Soto' }],
      ['S1,,Ana,soto,ana@x.cl,'],
      1,
      /same email and familyName/,
    ],
    [
      'e-mail alone',
      [{ email: 'ana@x.cl', familyName: 'Paz' }],
      ['S1,,Ana,Soto,ana@x.cl,'],
      1,
      /same email\)/,
    ],
    [
      'a code that two people have',
      [{ code: 'A' }, { code: 'A' }],
      ['S1,,Ana,Soto,,A'],
      1,
      /may be any of 2 people/,
    ],
    [
      'a national id of one and an e-mail of another',
      [{ nationalId: '12345678-5' }, { email: 'ana@x.cl' }],
      ['S1,12345678-5,Ana,Soto,ana@x.cl,'],
      1,
      /any of 2/,
    ],
    [
      'two rows with the code of one person',
      [{ code: 'A' }],
      ['S1,,Ana,Soto,,A', 'S2,,Eva,Soto,,A'],
      2,
      /another row looks like too/,
    ],
  ];
  for (const [what, people, rows, count, reason] of doubtful) {
    it(`are a conflict for a person by ${what}`, async () => {
      const school = await meet(people, rows);
      const report = await school.sync();
      expect(report.counts).to.deep.include({ created: 0, conflicts: count, read: rows.length });
      expect(report.success).to.equal(true);
      const conflicts = await school.conflicts();
      expect(conflicts).to.have.length(count);
      expect(conflicts[0]?.reason).to.match(reason);
      expect(conflicts[0]?.candidates[0]?.internalId).to.be.oneOf(school.ids);
    });
  }

  it('are created when nothing speaks for anybody', async () => {
    const school = await meet([{ email: 'x@x.cl', code: 'X' }], ['S1,,Ana,Soto,ana@x.cl,A']);
    expect((await school.sync()).counts).to.deep.include({ created: 1, conflicts: 0 });
  });

  it('by name count only in the same group', async () => {
    const { rosterService, mappingService, integrationService } = await sharedServices();
    const school = await newSchool({
      'groups.csv': 'id,nombre\nG1,1A\n',
      'students.csv': `${HEADER}\nS1,,Ana,Soto,,\nS2,,Eva,Paz,,\n`,
      'memberships.csv': 'grupo_id,persona_id\nG1,S1\nG1,S2\n',
    });
    const { institutionId, integrationId } = school;
    await integrationService.syncData(integrationId, MappingEntityType.GROUP);
    const { internalId: groupId } = await mappingService.getMappingByExternalId(
      integrationId,
      MappingEntityType.GROUP,
      'G1',
    );
    const [inGroup, elsewhere] = [randomUUID(), randomUUID()];
    await rosterService.putStudent(institutionId, inGroup, { givenName: 'Ana', familyName: 'Soto' });
    await rosterService.putMembership({ institutionId, groupId, personId: inGroup, role: 'STUDENT' });
    await rosterService.putStudent(institutionId, elsewhere, { givenName: 'Eva', familyName: 'Paz' });
    const report = await integrationService.syncData(integrationId, STUDENT);
    expect(report.counts).to.deep.include({ created: 1, conflicts: 1 });
    const [conflict] = (await integrationService.listConflicts(integrationId)).items;
    expect(conflict?.candidates).to.deep.equal([
      { internalId: inGroup, confidence: 0.6, rule: 'name and group' },
    ]);
  });

  for (const resolution of ['LINK', 'CREATE', 'IGNORE'] as const) {
    it(`are what a person decides: ${resolution}, and every sync after remembers it`, async () => {
      const school = await meet([{ email: 'ana@x.cl' }], ['S1,,Ana,Soto,ana@x.cl,']);
      await school.sync();
      const [conflict] = await school.conflicts();
      await school.integrationService.resolveConflict(
        school.integrationId,
        conflict?.id as string,
        resolution,
        school.ids[0],
      );
      expect(await school.conflicts()).to.deep.equal([]);
      const { counts } = await school.sync();
      const after = await school.sync();
      const mapped = await school.mapped();
      if (resolution === 'LINK') {
        expect(counts).to.deep.include({ created: 0, updated: 1, conflicts: 0 });
        expect(mapped.get('S1')).to.equal(school.ids[0]);
      } else if (resolution === 'CREATE') {
        expect(counts).to.deep.include({ created: 1, conflicts: 0 });
        expect(mapped.get('S1')).to.not.equal(school.ids[0]);
      } else {
        expect(counts).to.deep.include({ created: 0, conflicts: 1 });
        expect(mapped.size).to.equal(0);
      }
      expect(after.counts).to.deep.include({
        created: 0,
        updated: 0,
        conflicts: resolution === 'IGNORE' ? 1 : 0,
      });
    });
  }

  it('cannot be linked to somebody who is mapped, nor to nobody', async () => {
    const school = await meet(
      [{ email: 'ana@x.cl' }, { code: 'B' }],
      ['S1,,Ana,Soto,ana@x.cl,', 'S2,,Eva,Paz,,B'],
    );
    await school.sync();
    const [conflict] = await school.conflicts();
    const resolve = (internalId?: string) =>
      refusal(
        school.integrationService.resolveConflict(
          school.integrationId,
          conflict?.id as string,
          'LINK',
          internalId,
        ),
      );
    for (const id of [school.ids[1], randomUUID(), undefined])
      expect(await resolve(id)).to.deep.include({ code: 'invalid_argument' });
    expect(await school.conflicts()).to.have.length(1);
  });

  it('of whom the school changed the id are a conflict that names the old one', async () => {
    const { integrationService } = await sharedServices();
    const rows = Array.from({ length: 30 }, (_, i) => `S${i},,Ana,Soto ${i},,C${i}`);
    const school = await newSchool({ 'students.csv': [HEADER, ...rows].join('\n') });
    await integrationService.syncData(school.integrationId, STUDENT);
    await school.write({ 'students.csv': [HEADER, ...rows.slice(1), 'NEW,,Ana,Soto 0,,C0'].join('\n') });
    const report = await integrationService.syncData(school.integrationId, STUDENT);
    expect(report.counts).to.deep.include({ created: 0, conflicts: 1, missing: 1 });
    const [conflict] = (await integrationService.listConflicts(school.integrationId)).items;
    expect(conflict?.reason).to.equal('looks like the person with id "S0"');
  });
});
