import { expect } from 'chai';
import { type Migration, migrations } from '../../src/database/migrations/index.js';
import { MappingEntityType } from '../../src/index.js';
import { newCsvSource } from '../support/institution.js';
import { sharedServices } from '../support/services.js';
import { syncServiceOf } from '../support/sync-service.js';

const { GROUP, STUDENT } = MappingEntityType;

/** A Chilean national id with its check digit. */
function rutOf(n: number): string {
  const digits = String(11_000_000 + n);
  let sum = 0;
  for (let i = 0; i < digits.length; i++) sum += Number(digits[digits.length - 1 - i]) * (2 + (i % 6));
  return `${digits}-${['0', ...'123456789', 'K', '0'][11 - (sum % 11)]}`;
}

/** The file of a source: everybody of these numbers; `inactive` are in it as those who have left. */
const file = (prefix: string, people: readonly number[], inactive: readonly number[] = []) => ({
  'students.csv': [
    'id,rut,nombres,apellidos,estado',
    ...people.map(
      (n) => `${prefix}${n},${rutOf(n)},Ana,Soto ${n},${inactive.includes(n) ? 'RETIRADO' : 'ACTIVO'}`,
    ),
  ].join('\n'),
});
const ALL = Array.from({ length: 20 }, (_, n) => n);
const without = (...gone: number[]) => ALL.filter((n) => !gone.includes(n));

/** Two integrations of one institution that have the same 20 students. */
async function twoSources() {
  const one = await newCsvSource(file('A', ALL));
  await one.sync();
  const two = await newCsvSource(file('B', ALL), one.institutionId);
  expect((await two.sync()).counts).to.deep.include({ created: 0, updated: 20 });
  const { database, mappingService, rosterService } = await sharedServices();
  const first = await one.idOf('A0');
  return {
    one,
    two,
    first,
    isActive: async () => (await rosterService.getStudent(one.institutionId, first)).active,
    /** ACTIVE or MISSING, in the first and in the second. */
    statuses: () =>
      Promise.all(
        [one, two].map(async ({ integrationId }, at) => {
          const externalId = `${'AB'[at]}0`;
          return (await mappingService.getMappingByExternalId(integrationId, STUDENT, externalId)).status;
        }),
      ),
    setPolicy: (integrationId: string, policy: object) =>
      database.execute('UPDATE integrations SET policy = $2 WHERE id = $1', [integrationId, policy]),
  };
}

describe('somebody whom another integration has', () => {
  it('stays active when the one is without him for good, and counts as missing there', async () => {
    const { one, two, isActive, statuses } = await twoSources();
    await two.write(file('B', without(0)));
    for (let night = 0; night < 4; night++) {
      expect((await two.sync()).counts).to.deep.include({ missing: 1, deactivated: 0 });
      expect((await one.sync()).counts).to.deep.include({ unchanged: 20 });
      expect(await isActive()).to.equal(true);
    }
    expect(await statuses()).to.deep.equal(['ACTIVE', 'MISSING']);
  });

  it('gives the log no more changes once the grace of the one is over', async () => {
    const { two } = await twoSources();
    const { integrationService } = await sharedServices();
    await two.write(file('B', without(0)));
    const actions = [];
    for (let night = 0; night < 4; night++) {
      const { runId } = await two.sync();
      const { items } = await integrationService.listSyncChanges(two.integrationId, runId, {});
      actions.push(items.map(({ action, missingAfter }) => `${action} ${missingAfter}`));
    }
    expect(actions).to.deep.equal([['MISSING 1'], ['MISSING 2'], [], []]);
  });

  it('becomes inactive when that one lets him go as well, after the grace of both', async () => {
    const { one, two, isActive } = await twoSources();
    await two.write(file('B', without(0)));
    for (let night = 0; night < 3; night++) await two.sync();
    await one.write(file('A', without(0)));
    await one.sync();
    // The first one still waits for him.
    expect((await two.sync()).counts).to.deep.include({ deactivated: 0 });
    expect(await isActive()).to.equal(true);
    expect((await one.sync()).counts).to.deep.include({ deactivated: 1 });
    expect(await isActive()).to.equal(false);
  });

  it('becomes inactive when both let him go at the same time, by the one that is read last', async () => {
    const { one, two, isActive } = await twoSources();
    await one.write(file('A', without(0)));
    await two.write(file('B', without(0)));
    for (const source of [one, two, one]) await source.sync();
    expect(await isActive()).to.equal(true);
    expect((await two.sync()).counts).to.deep.include({ deactivated: 1 });
    expect(await isActive()).to.equal(false);
  });

  it('is waited for as long as the policy of that one says, in readings and in days', async () => {
    const { one, two, isActive, setPolicy } = await twoSources();
    const { database } = await sharedServices();
    await setPolicy(one.integrationId, { graceRuns: 3, graceDays: 10 });
    await one.write(file('A', without(0)));
    await two.write(file('B', without(0)));
    for (const source of [two, two, one, one, two]) await source.sync();
    expect(await isActive()).to.equal(true);
    await database.execute(
      `UPDATE integration_mappings SET missing_since = now() - interval '11 days' WHERE integration_id = $1 AND missing_runs > 0`,
      [one.integrationId],
    );
    expect((await two.sync()).counts).to.deep.include({ deactivated: 1 });
    expect(await isActive()).to.equal(false);
  });

  it('becomes inactive by the next sync of the one when that other one is deleted', async () => {
    const { one, two, isActive } = await twoSources();
    const { integrationService } = await sharedServices();
    await two.write(file('B', without(0)));
    for (let night = 0; night < 3; night++) await two.sync();
    await integrationService.deleteIntegration(one.integrationId);
    expect(await isActive()).to.equal(true);
    expect((await two.sync()).counts).to.deep.include({ deactivated: 1 });
    expect(await isActive()).to.equal(false);
  });

  it('counts for the guard when he begins to be missing, and again when he goes long after', async () => {
    const { one, two } = await twoSources();
    const { integrationService } = await sharedServices();
    await two.write(file('B', without(0, 1, 2, 3, 4, 5)));
    const missing = await two.sync();
    expect(missing.errors[0]).to.match(/^Held: 6 of 20 \(30 %\) students would go/);
    await integrationService.approveSync(two.integrationId, missing.runId, 'not in Moodle any more');
    for (let night = 0; night < 2; night++) expect((await two.sync()).status).to.equal('COMPLETED');
    await integrationService.deleteIntegration(one.integrationId);
    const gone = await two.sync();
    expect(gone.errors[0]).to.match(/^Held: 6 of 20 \(30 %\) students would go/);
    const approved = await integrationService.approveSync(two.integrationId, gone.runId, 'they left');
    expect(approved.counts).to.deep.include({ deactivated: 6, moved: 0 });
  });

  it('is not made inactive unasked with everybody else, whoever the one goes on listing as gone', async () => {
    const { one, two } = await twoSources();
    const { integrationService } = await sharedServices();
    const graduates = ALL.map((n) => n + 20);
    await two.write(file('B', [...ALL, ...graduates], graduates));
    expect((await two.sync()).counts).to.deep.include({ created: 20 });
    await two.write(file('B', graduates, graduates));
    const missing = await two.sync();
    expect(missing.errors[0]).to.match(/^Held: 20 of 20 \(100 %\) students would go/);
    await integrationService.approveSync(two.integrationId, missing.runId, 'not in Moodle any more');
    for (let night = 0; night < 2; night++) expect((await two.sync()).status).to.equal('COMPLETED');
    await integrationService.deleteIntegration(one.integrationId);
    expect((await two.sync()).errors[0]).to.match(/^Held: 20 of 20 \(100 %\) students would go/);
  });

  it('counts as let go where the grace is over by days, with few changes and for the guard', async () => {
    const { one, two, setPolicy } = await twoSources();
    const { database, integrationService } = await sharedServices();
    await setPolicy(two.integrationId, { graceRuns: 1_000, graceDays: 3 });
    await two.write(file('B', without(0, 1, 2, 3, 4, 5)));
    const missing = await two.sync();
    expect(missing.errors[0]).to.match(/^Held: 6 of 20 \(30 %\) students would go/);
    await integrationService.approveSync(two.integrationId, missing.runId, 'not in Moodle any more');
    await database.execute(
      `UPDATE integration_mappings SET missing_since = missing_since - interval '11 days' WHERE integration_id = $1`,
      [two.integrationId],
    );
    const changes = [];
    for (let night = 0; night < 3; night++) {
      const { runId } = await two.sync();
      changes.push((await integrationService.listSyncChanges(two.integrationId, runId, {})).items.length);
    }
    expect(changes).to.deep.equal([6, 0, 0]);
    await integrationService.deleteIntegration(one.integrationId);
    expect((await two.sync()).errors[0]).to.match(/^Held: 6 of 20 \(30 %\) students would go/);
  });

  it('becomes inactive when the one says so of him itself: each writes over the other', async () => {
    const { one, two, isActive } = await twoSources();
    await two.write(file('B', ALL, [0]));
    expect((await two.sync()).counts).to.deep.include({ deactivated: 1 });
    expect((await one.sync()).counts).to.deep.include({ unchanged: 20 });
    expect(await isActive()).to.equal(false);
  });

  it('stays active when the one is asked for him alone and has him no longer', async () => {
    const { two, isActive } = await twoSources();
    const { database } = await sharedServices();
    const syncs = syncServiceOf(database, () => ({
      partial: true,
      entities: (async function* () {
        yield { records: [], partial: true, gone: ['B0'] };
      })(),
    }));
    const key = { integrationId: two.integrationId, institutionId: two.institutionId, entityType: STUDENT };
    for (let time = 0; time < 3; time++) {
      expect((await syncs.sync(key)).counts).to.deep.include({ missing: 1, deactivated: 0 });
      expect(await isActive()).to.equal(true);
    }
  });

  it('is as before when the one has him again, and when runs without him are taken back', async () => {
    const { two, isActive, statuses } = await twoSources();
    const { integrationService } = await sharedServices();
    await two.write(file('B', without(0)));
    const runs = [await two.sync(), await two.sync()];
    for (const { runId } of runs.reverse()) {
      const back = await integrationService.rollbackSync(two.integrationId, runId);
      expect(back.counts).to.deep.include({ updated: 1, failed: 0 });
    }
    expect(await statuses()).to.deep.equal(['ACTIVE', 'ACTIVE']);
    for (let night = 0; night < 3; night++) await two.sync();
    await two.write(file('B', ALL));
    expect((await two.sync()).counts).to.deep.include({ updated: 1, unchanged: 19 });
    expect([await isActive(), ...(await statuses())]).to.deep.equal([true, 'ACTIVE', 'ACTIVE']);
  });
});

describe('somebody who became inactive although another integration has him', () => {
  it('comes back with the next sync of that one, after the migration 0034-had-by-others', async () => {
    const { one, two, first, isActive } = await twoSources();
    const { database } = await sharedServices();
    await two.write(file('B', without(0)));
    for (let night = 0; night < 2; night++) await two.sync();
    // As the version before left it.
    await database.execute('UPDATE students SET active = false WHERE institution_id = $1 AND id = $2', [
      one.institutionId,
      first,
    ]);
    expect((await one.sync()).counts).to.deep.include({ unchanged: 20 });
    const { sql } = migrations.find(({ name }) => name === '0034-had-by-others') as Migration;
    await database.transaction(() => database.query(sql));
    expect((await one.sync()).counts).to.deep.include({ unchanged: 19, updated: 1 });
    expect(await isActive()).to.equal(true);
    expect((await two.sync()).counts).to.deep.include({ unchanged: 19, updated: 0, deactivated: 0 });
    expect(await isActive()).to.equal(true);
  });
});

describe('a plan that makes somebody inactive', () => {
  it('leaves out whom another integration took up after it was made, and lists why', async () => {
    const { one, two, isActive } = await twoSources();
    const { integrationService } = await sharedServices();
    await one.write(file('A', without(0)));
    await two.write(file('B', without(0)));
    for (const source of [one, two, one]) await source.sync();
    const preview = await integrationService.previewSync(two.integrationId, STUDENT);
    expect(preview.counts).to.deep.include({ deactivated: 1 });
    await one.write(file('A', ALL));
    await one.sync();
    const approved = await integrationService.approveSync(two.integrationId, preview.runId);
    expect(approved.counts).to.deep.include({ moved: 1 });
    const { items } = await integrationService.listSyncChanges(two.integrationId, preview.runId, {
      outcome: 'MOVED',
    });
    expect(items.map(({ externalId, reason }) => [externalId, reason])).to.deep.equal([
      ['B0', 'Another integration has it.'],
    ]);
    expect(await isActive()).to.equal(true);
  });

  it('is refused as a rollback when another integration took the same person up since, and not otherwise', async () => {
    const { one, two, isActive } = await twoSources();
    const { integrationService } = await sharedServices();
    await one.write(file('A', without(0)));
    await two.write(file('B', without(0)));
    for (const source of [one, two, one, two]) await source.sync();
    expect(await isActive()).to.equal(false);
    await two.write(file('B', ALL));
    const again = await two.sync();
    expect(await isActive()).to.equal(true);
    const back = await integrationService.rollbackSync(two.integrationId, again.runId);
    expect(back.counts).to.deep.include({ failed: 0, deactivated: 1 });
    expect(await isActive()).to.equal(false);
    const anew = await two.sync();
    await one.write(file('A', ALL));
    await one.sync();
    const refused = await integrationService.rollbackSync(two.integrationId, anew.runId);
    expect(refused.counts).to.deep.include({ failed: 1 });
    const { items } = await integrationService.listSyncChanges(two.integrationId, refused.runId, {
      outcome: 'REFUSED',
    });
    expect(items.map(({ externalId, reason }) => [externalId, reason])).to.deep.equal([
      ['B0', 'Another integration has it.'],
    ]);
    expect(await isActive()).to.equal(true);
  });
});

/** Groups and memberships of a source: everybody of these numbers is in its one group. */
const group = (prefix: string, people: readonly number[]) => ({
  'groups.csv': `id,nombre\n${prefix}G,1${prefix}\n`,
  'memberships.csv': [
    'grupo_id,persona_id,rol',
    ...people.map((n) => `${prefix}G,${prefix}${n},alumno`),
  ].join('\n'),
});

describe('memberships by an integration', () => {
  it('end when it has let somebody go who stays active by another one, and begin again with him', async () => {
    const { one, two, first, isActive } = await twoSources();
    const { rosterService } = await sharedServices();
    const { institutionId } = one;
    const groupsOf = async () => {
      const { items } = await rosterService.listMemberships({ institutionId });
      const ids = await Promise.all([one.idOf('AG', GROUP), two.idOf('BG', GROUP)]);
      return items
        .filter(({ personId }) => personId === first)
        .map(({ groupId }) => 'AB'[ids.indexOf(groupId)]);
    };
    await one.write(group('A', ALL));
    await two.write(group('B', ALL));
    for (const source of [one, two]) await source.syncAll();
    expect(await groupsOf()).to.have.members(['A', 'B']);
    await two.write({ ...file('B', without(0)), ...group('B', without(0)) });
    await two.syncAll();
    expect(await groupsOf()).to.have.members(['A', 'B']);
    expect((await two.syncAll()).membershipCounts).to.deep.include({ deactivated: 1 });
    expect([await isActive(), ...(await groupsOf())]).to.deep.equal([true, 'A']);
    expect((await two.syncAll()).membershipCounts).to.deep.include({ deactivated: 0 });
    await two.write({ ...file('B', ALL), ...group('B', ALL) });
    await two.syncAll();
    expect(await groupsOf()).to.have.members(['A', 'B']);
  });
});

describe('a group that two integrations have after a merge', () => {
  it('stays active, with the people of the one, while the other is without it', async () => {
    const { one, two } = await twoSources();
    const { integrationService, mappingService, rosterService } = await sharedServices();
    const { institutionId } = one;
    await one.write(group('A', ALL));
    await two.write({ ...group('B', []), 'groups.csv': 'id,nombre\nBG,1B\nBX,2B\n' });
    for (const source of [one, two]) await source.sync(GROUP);
    await one.sync();
    const kept = await one.idOf('AG', GROUP);
    await mappingService.repairs.merge({
      integrationId: two.integrationId,
      entityType: GROUP,
      keepInternalId: kept,
      dropInternalId: await two.idOf('BG', GROUP),
    });
    await two.write({ 'groups.csv': 'id,nombre\nBX,2B\n' });
    for (let night = 0; night < 3; night++) {
      expect((await two.sync(GROUP)).counts).to.deep.include({ missing: 1, deactivated: 0 });
      await one.sync(GROUP);
    }
    const { items } = await rosterService.listMemberships({ institutionId });
    expect(items.filter(({ groupId }) => groupId === kept)).to.have.length(20);
    await integrationService.deleteIntegration(one.integrationId);
    expect((await two.sync(GROUP)).counts).to.deep.include({ deactivated: 1 });
  });
});
