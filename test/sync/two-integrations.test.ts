import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import type { RecordSource, StudentRecord } from '../../src/connectors/index.js';
import { IntegrationProvider, MappingEntityType } from '../../src/index.js';
import { syncPolicy } from '../../src/sync/index.js';
import { testDatabaseUrl } from '../support/database.js';
import { newCsvSource } from '../support/institution.js';
import { newSchool, sharedServices } from '../support/services.js';
import { syncServiceOf } from '../support/sync-service.js';

const { STUDENT } = MappingEntityType;

/** A Chilean national id with its check digit. */
function rutOf(n: number): string {
  const digits = String(11_000_000 + n);
  let sum = 0;
  for (let i = 0; i < digits.length; i++) sum += Number(digits[digits.length - 1 - i]) * (2 + (i % 6));
  return `${digits}-${['0', ...'123456789', 'K', '0'][11 - (sum % 11)]}`;
}

const HEADER = 'id,rut,nombres,apellidos,correo,nacimiento,estado';
const csv = (count: number, row: (n: number) => string) => ({
  'students.csv': [HEADER, ...Array.from({ length: count }, (_, n) => row(n))].join('\n'),
});

async function* pagesOf(records: StudentRecord[]) {
  yield records;
}

/** Everybody of an institution, with how many mappings each has. */
async function peopleOf(institutionId: string) {
  const { database } = await sharedServices();
  return database.query<{ nationalId: string; name: string; active: boolean; mappings: number }>(
    `SELECT t.national_id AS "nationalId", t.given_name AS name, t.active,
       (SELECT count(*)::int FROM integration_mappings m WHERE m.internal_id = t.id AND m.entity_type = 'STUDENT') AS mappings
     FROM students t WHERE t.institution_id = $1 ORDER BY 1`,
    [institutionId],
  );
}

describe('the first sync of a second integration', () => {
  const first = csv(50, (n) => `A${n},${rutOf(n)},Ana,Soto ${n},,,ACTIVO`);

  it('that deactivates and renames all 50 people of the first one is held, and nobody is changed', async () => {
    const one = await newCsvSource(first);
    expect((await one.sync()).counts).to.deep.include({ created: 50 });
    const before = await peopleOf(one.institutionId);
    const two = await newCsvSource(
      csv(50, (n) => `B${n},${rutOf(n)},Ana Eva,Soto ${n},,,RETIRADO`),
      one.institutionId,
    );
    const held = await two.sync();
    expect(held).to.deep.include({ success: false, status: 'HELD' });
    expect(held.errors[0]).to.match(/^Held: 50 of 50 \(100 %\) students would go/);
    expect(await peopleOf(one.institutionId)).to.deep.equal(before);
  });

  it('that renames all 50 people of the first one is held', async () => {
    const one = await newCsvSource(first);
    await one.sync();
    const two = await newCsvSource(
      csv(50, (n) => `B${n},${rutOf(n)},Ana Eva,Soto ${n},,,ACTIVO`),
      one.institutionId,
    );
    expect((await two.sync()).errors[0]).to.match(/^Held: 50 of 50 \(100 %\) students would change/);
  });

  it('that only fills in empty fields and other metadata is not held', async () => {
    const one = await newCsvSource(first);
    await one.sync();
    const rows = Array.from(
      { length: 50 },
      (_, n) => `B${n},${rutOf(n)},Ana,Soto ${n},a${n}@colegio.example,2014-03-02,ACTIVO,${n}`,
    );
    const two = await newCsvSource(
      { 'students.csv': [`${HEADER},teléfono`, ...rows].join('\n') },
      one.institutionId,
    );
    const report = await two.sync();
    expect(report).to.deep.include({ success: true, status: 'COMPLETED' });
    expect(report.counts).to.deep.include({ created: 0, updated: 50, conflicts: 0 });
    const people = await peopleOf(one.institutionId);
    expect(people.map(({ mappings }) => mappings)).to.deep.equal(Array(50).fill(2));
  });
});

describe('small steps', () => {
  it('of 10 % each are held from the one on with which more than 10 % have gone, however often it is tried', async () => {
    const { integrationService } = await sharedServices();
    const file = (from: number) => csv(100 - from, (n) => `A${n + from},,Ana,Soto ${n + from},,,ACTIVO`);
    const school = await newSchool(file(0));
    await integrationService.syncData(school.integrationId, STUDENT);
    let left = 100;
    const held: boolean[] = [];
    for (let run = 0; run < 15; run++) {
      const less = left - Math.floor(left / 10);
      await school.write(file(100 - less));
      const { status } = await integrationService.syncData(school.integrationId, STUDENT);
      held.push(status === 'HELD');
      if (status === 'COMPLETED') left = less;
    }
    expect(left).to.equal(90);
    expect(held).to.deep.equal([false, ...Array(14).fill(true)]);
  });

  it('of one pushed person each are held once more than 10 % have gone', async () => {
    const { database } = await sharedServices();
    const school = await newCsvSource(csv(50, (n) => `A${n},,Ana,Soto ${n},,,ACTIVO`));
    await school.sync();
    const syncs = syncServiceOf(database, () => {
      throw new Error('nothing is pulled');
    });
    const key = {
      integrationId: school.integrationId,
      institutionId: school.institutionId,
      entityType: STUDENT,
    };
    const statuses: string[] = [];
    for (let n = 0; n < 30; n++) {
      const record = { externalId: `A${n}`, givenName: 'Ana', familyName: `Soto ${n}`, active: false };
      const source: RecordSource = { entities: pages([record], 1), partial: true };
      statuses.push((await syncs.syncPushed(key, source, syncPolicy.parse({}))).status);
    }
    expect(statuses).to.deep.equal([...Array(5).fill('COMPLETED'), ...Array(25).fill('HELD')]);
    const people = await peopleOf(school.institutionId);
    expect(people.filter(({ active }) => !active)).to.have.length(5);
  });
});

describe('a push whose plan is held', () => {
  it('is answered failed_precondition that names the run, and comes in when a person approves it', async () => {
    const { integrationService, rosterService, mappingService } = await sharedServices();
    const institutionId = randomUUID();
    const { id } = await integrationService.createIntegration({
      institutionId,
      provider: IntegrationProvider.IDUKAY,
      credentials: { apiKey: 'k', institutionCode: 'CSM' },
      policy: { guard: { floor: 0 } },
    });
    const secret = await integrationService.createPushSecret(id);
    const user = 'a'.repeat(24);
    const body = (name: string) => ({ name, surname: 'Soto', metadata: { role: 'student', user } });
    const internalId = await integrationService.receivePush(id, secret, body('Ana'));
    const refused = await integrationService
      .receivePush(id, secret, body('Anita'))
      .catch((error: unknown) => error);
    const { items } = await integrationService.listSyncRuns(id);
    const run = items.find(({ status }) => status === 'HELD');
    expect(run, 'a held run').to.not.equal(undefined);
    expect(refused).to.deep.include({
      code: 'failed_precondition',
      reason: 'PUSH_HELD',
      metadata: { runId: run?.id },
    });
    expect((refused as Error).message).to.match(/^Held: 1 of 1 \(100 %\) students would change/);
    expect((await rosterService.getStudent(institutionId, internalId)).givenName).to.equal('Ana');
    await integrationService.approveSync(id, run?.id as string, 'right');
    expect((await rosterService.getStudent(institutionId, internalId)).givenName).to.equal('Anita');
    expect((await mappingService.getMappingByExternalId(id, STUDENT, user)).internalId).to.equal(internalId);
  });

  it('waits once, however often the school system pushes it', async () => {
    const { integrationService, rosterService } = await sharedServices();
    const institutionId = randomUUID();
    const { id } = await integrationService.createIntegration({
      institutionId,
      provider: IntegrationProvider.IDUKAY,
      credentials: { apiKey: 'k', institutionCode: 'CSM' },
      policy: { guard: { floor: 0 } },
    });
    const secret = await integrationService.createPushSecret(id);
    const body = (user: string, name: string) => ({
      name,
      surname: 'Soto',
      metadata: { role: 'student', user: user.repeat(24) },
    });
    const ids = [];
    for (const user of ['c', 'd'])
      ids.push(await integrationService.receivePush(id, secret, body(user, 'Ana')));
    // Everybody below would change: each push is held.
    await integrationService.updateIntegration(id, { policy: { guard: { changedPercent: 0, floor: 0 } } });
    for (const [user, name] of [
      ['c', 'Ema'],
      ['d', 'Eva'],
      ['c', 'Ida'],
      ['c', 'Isa'],
    ] as const) {
      const error = await integrationService
        .receivePush(id, secret, body(user, name))
        .catch((thrown: unknown) => thrown);
      expect(error).to.deep.include({ reason: 'PUSH_HELD' });
    }
    const { items } = await integrationService.listSyncRuns(id);
    const held = items.filter(({ status }) => status === 'HELD');
    expect(held).to.have.length(2);
    expect(items.find(({ status }) => status === 'DISCARDED')?.decision).to.match(
      /^Run .* has the same records anew\.$/,
    );
    for (const run of held) await integrationService.approveSync(id, run.id, 'right');
    const names = await Promise.all(ids.map((one) => rosterService.getStudent(institutionId, one)));
    expect(names.map(({ givenName }) => givenName)).to.deep.equal(['Isa', 'Eva']);
  });

  it('of several records outlives a later one that lacks a membership of it', async () => {
    const { database, integrationService } = await sharedServices();
    const { integrationId, institutionId } = await newSchool({
      'students.csv': 'id,nombres\na,Ana\nb,Eva\n',
      'groups.csv': 'id,nombre\nG1,1A\nG2,1B\n',
    });
    await integrationService.syncData(integrationId);
    const syncs = syncServiceOf(database, () => ({ entities: pagesOf([]) }));
    // Everybody below would change: each push is held.
    const policy = syncPolicy.parse({ guard: { changedPercent: 0, floor: 0 } });
    const push = async (...records: StudentRecord[]) => {
      const key = { integrationId, institutionId, entityType: STUDENT };
      const source: RecordSource = { entities: pagesOf(records), partial: true };
      return (await syncs.syncPushed(key, source, policy)).runId;
    };
    const waiting = async () => {
      const { items } = await integrationService.listSyncRuns(integrationId);
      return items.filter(({ status }) => status === 'HELD').map(({ id }) => id);
    };
    const record = (externalId: string, givenName: string, groupExternalId?: string): StudentRecord => ({
      externalId,
      givenName,
      ...(groupExternalId && { groupExternalId }),
    });
    const both = await push(record('a', 'Ana 1', 'G1'), record('b', 'Eva 1', 'G1'));
    const lacking = await push(record('a', 'Ana 2', 'G1'), record('b', 'Eva 2'));
    expect(await waiting()).to.have.members([both, lacking]);
    const moved = await push(record('a', 'Ana 3', 'G1'), record('b', 'Eva 3', 'G2'));
    // What only lacked a membership is there anew, and another group is another membership.
    expect(await waiting()).to.have.members([both, moved]);
    // Somebody new has other internal ids in each plan, and is the same all the same.
    const news = await push(record('a', 'Ana 4', 'G1'), record('b', 'Eva 4', 'G1'), record('c', 'Luz', 'G2'));
    expect(await waiting()).to.have.members([moved, news]);
    const last = await push(record('a', 'Ana 5', 'G1'), record('b', 'Eva 5', 'G1'), record('c', 'Luz', 'G2'));
    expect(await waiting()).to.have.members([moved, last]);
  });

  it('is not applied over a later push that was approved before it', async () => {
    const { integrationService, rosterService } = await sharedServices();
    const institutionId = randomUUID();
    const { id } = await integrationService.createIntegration({
      institutionId,
      provider: IntegrationProvider.IDUKAY,
      credentials: { apiKey: 'k', institutionCode: 'CSM' },
      policy: { guard: { floor: 0 } },
    });
    const secret = await integrationService.createPushSecret(id);
    const body = (name: string) => ({
      name,
      surname: 'Soto',
      metadata: { role: 'student', user: 'b'.repeat(24) },
    });
    const internalId = await integrationService.receivePush(id, secret, body('Ana'));
    const push = async (name: string) => {
      const error = await integrationService
        .receivePush(id, secret, body(name))
        .catch((thrown: unknown) => thrown);
      return (error as { metadata: { runId: string } }).metadata.runId;
    };
    const [older, newer] = [await push('Eva'), await push('Luz')];
    await integrationService.approveSync(id, newer);
    const error = await integrationService.approveSync(id, older).catch((thrown: unknown) => thrown);
    expect(error).to.deep.include({ code: 'failed_precondition', reason: 'SYNC_RUN_NOT_WAITING' });
    expect((await rosterService.getStudent(institutionId, internalId)).givenName).to.equal('Luz');
  });
});

/** Pages of a source; between them other work has its turn, as often as a random number says. */
async function* pages(
  records: readonly StudentRecord[],
  size: number,
  turns = () => 0,
): AsyncGenerator<StudentRecord[]> {
  for (let at = 0; at < records.length; at += size) {
    for (let turn = turns(); turn > 0; turn--) await new Promise((resolve) => setImmediate(resolve));
    yield records.slice(at, at + size);
  }
}

describe('two integrations of one institution', () => {
  const MOMENTS = testDatabaseUrl ? 10 : 3;

  it(`that sync the same 300 people at once make 300 people, in ${MOMENTS} random orders of events`, async () => {
    const { database, integrationService } = await sharedServices();
    for (let moment = 0; moment < MOMENTS; moment++) {
      const institutionId = randomUUID();
      const turns = () => Math.floor(Math.random() * 40);
      const sync = async (prefix: string) => {
        const config = { importPath: 'none' };
        const { id: integrationId } = await integrationService.createIntegration({
          institutionId,
          provider: IntegrationProvider.GENERIC_CSV,
          config,
        });
        const records = Array.from({ length: 300 }, (_, n): StudentRecord => {
          return {
            externalId: `${prefix}${n}`,
            nationalId: rutOf(n),
            givenName: 'Ana',
            familyName: `Soto ${n}`,
          };
        });
        const syncs = syncServiceOf(database, () => ({ entities: pages(records, 25, turns) }));
        return syncs.sync({ integrationId, institutionId, entityType: STUDENT });
      };
      const reports = await Promise.all([sync('A'), sync('B')]);
      expect(reports.map(({ status }) => status)).to.deep.equal(['COMPLETED', 'COMPLETED']);
      expect(reports.map(({ counts }) => counts.created).sort()).to.deep.equal([0, 300]);
      const people = await peopleOf(institutionId);
      expect(people).to.have.length(300);
      expect(people.every(({ mappings }) => mappings === 2)).to.equal(true);
    }
  });

  it('six at once make nobody twice, although plans are made anew only so often; the next syncs link who was left out', async () => {
    const { database, integrationService } = await sharedServices();
    const institutionId = randomUUID();
    const turns = () => Math.floor(Math.random() * 20);
    const prefixes = ['A', 'B', 'C', 'D', 'E', 'F'];
    const targets = await Promise.all(
      prefixes.map(async (prefix) => {
        const given = {
          institutionId,
          provider: IntegrationProvider.GENERIC_CSV,
          config: { importPath: 'none' },
        };
        const { id: integrationId } = await integrationService.createIntegration(given);
        // Half of them have a national id, the others a code.
        const records = Array.from({ length: 60 }, (_, n): StudentRecord => {
          const key =
            n % 2 === 0 ? { nationalId: rutOf(n), code: null } : { nationalId: null, code: `M-${1_000 + n}` };
          return { externalId: `${prefix}${n}`, givenName: 'Ana', familyName: `Soto ${n}`, ...key };
        });
        const syncs = syncServiceOf(database, () => ({ entities: pages(records, 10, turns) }));
        return () => syncs.sync({ integrationId, institutionId, entityType: STUDENT });
      }),
    );
    for (const { status } of await Promise.all(targets.map((sync) => sync())))
      expect(status).to.equal('COMPLETED');
    expect(await peopleOf(institutionId)).to.have.length(60);
    for (const sync of targets)
      expect((await sync()).counts).to.deep.include({ created: 0, conflicts: 0, moved: 0 });
    const people = await peopleOf(institutionId);
    expect(people).to.have.length(60);
    expect(people.every(({ mappings }) => mappings === prefixes.length)).to.equal(true);
  });

  it('previewed side by side and approved one after the other make nobody twice; the next sync links who was left out', async () => {
    const { integrationService } = await sharedServices();
    const one = await newCsvSource(csv(60, (n) => `A${n},${rutOf(n)},Ana,Soto ${n},,,ACTIVO`));
    const two = await newCsvSource(
      csv(60, (n) => `B${n},${rutOf(n)},Ana,Soto ${n},,,ACTIVO`),
      one.institutionId,
    );
    const previews = await Promise.all(
      [one, two].map((each) => integrationService.previewSync(each.integrationId, STUDENT)),
    );
    expect(previews.map(({ counts }) => counts.created)).to.deep.equal([60, 60]);
    await integrationService.approveSync(one.integrationId, previews[0]?.runId as string);
    const late = await integrationService.approveSync(two.integrationId, previews[1]?.runId as string);
    expect(late.counts).to.deep.include({ moved: 60 });
    expect(await peopleOf(one.institutionId)).to.have.length(60);
    expect((await two.sync()).counts).to.deep.include({ created: 0, updated: 60 });
    expect((await peopleOf(one.institutionId)).every(({ mappings }) => mappings === 2)).to.equal(true);
  });
});

describe('a preview of somebody new', () => {
  it('that is approved after a backend put the same national id in makes nobody twice', async () => {
    const { integrationService, rosterService } = await sharedServices();
    const school = await newCsvSource(csv(3, (n) => `A${n},${rutOf(n)},Ana,Soto ${n},,,ACTIVO`));
    const { runId } = await integrationService.previewSync(school.integrationId, STUDENT);
    const id = randomUUID();
    await rosterService.putStudent(school.institutionId, id, {
      givenName: 'Ana',
      familyName: 'Soto 1',
      nationalId: rutOf(1),
    });
    const approved = await integrationService.approveSync(school.integrationId, runId);
    expect(approved.counts).to.deep.include({ moved: 1 });
    const { items } = await integrationService.listSyncChanges(school.integrationId, runId, {
      outcome: 'MOVED',
    });
    expect(items.map(({ externalId }) => externalId)).to.deep.equal(['A1']);
    expect(await peopleOf(school.institutionId)).to.have.length(3);
    expect((await school.sync()).counts).to.deep.include({ created: 0, updated: 1, unchanged: 2 });
    expect(await school.idOf('A1')).to.equal(id);
  });
});
