import { expect } from 'chai';
import type { StudentRecord } from '../../src/connectors/index.js';
import { MappingEntityType } from '../../src/index.js';
import { type SyncPolicy, syncPolicy } from '../../src/sync/index.js';
import { recordSchool } from '../support/record-school.js';
import { newSchool, sharedServices } from '../support/services.js';

const { STUDENT } = MappingEntityType;
type FieldPolicy = 'SOURCE' | 'SMARTID' | 'FILL';

const policyOf = (email: FieldPolicy): SyncPolicy => syncPolicy.parse({ fields: { STUDENT: { email } } });
const ANA: StudentRecord = { externalId: '1', givenName: 'Ana', email: 'ana@x.cl' };
const EVA: StudentRecord = { externalId: '2', givenName: 'Eva', email: 'eva@x.cl' };
const LUZ: StudentRecord = { externalId: '3', givenName: 'Luz', email: 'luz@x.cl' };

/** Ana and Eva, synced under a policy, and Ana's address edited here. */
async function schoolWithEdit(policy: FieldPolicy, email: string) {
  const school = await recordSchool();
  await school.sync([[ANA, EVA]], policyOf(policy));
  const { internalId } = await school.mapping('1');
  const edit = (to: string) =>
    school.rosterService.putStudent(school.institutionId, internalId, { email: to });
  await edit(email);
  const emailAfter = async (next: FieldPolicy) => {
    expect((await school.sync([[ANA, EVA]], policyOf(next))).success).to.equal(true);
    return (await school.person('1')).email;
  };
  return { ...school, edit, emailAfter };
}

describe('a row that did not change', () => {
  it('is looked at again when a backend edited the person, and no other row is', async () => {
    const { known, emailAfter } = await schoolWithEdit('SOURCE', 'ours@x.cl');
    expect(await known()).to.deep.equal({ 1: false, 2: true });
    expect(await emailAfter('SOURCE')).to.equal('ana@x.cl');
    expect(await known()).to.deep.equal({ 1: true, 2: true });
  });

  const cases: [first: FieldPolicy, edited: string, then: FieldPolicy, email: string | null][] = [
    ['SMARTID', 'ours@x.cl', 'SMARTID', 'ours@x.cl'],
    ['SMARTID', '', 'SMARTID', null],
    ['SMARTID', 'ours@x.cl', 'SOURCE', 'ana@x.cl'],
    ['SMARTID', 'ours@x.cl', 'FILL', 'ours@x.cl'],
    ['FILL', 'ours@x.cl', 'FILL', 'ours@x.cl'],
    ['FILL', '', 'FILL', 'ana@x.cl'],
    ['FILL', 'ours@x.cl', 'SOURCE', 'ana@x.cl'],
    ['SOURCE', 'ours@x.cl', 'SMARTID', 'ours@x.cl'],
  ];
  for (const [first, edited, then, email] of cases) {
    it(`gives ${email ?? 'no address'} when it was edited to "${edited}" under ${first} and is synced under ${then}`, async () => {
      const { emailAfter } = await schoolWithEdit(first, edited);
      if (first !== 'SOURCE' && then === 'SOURCE') expect(await emailAfter(first)).to.equal(edited);
      expect(await emailAfter(then)).to.equal(email);
      expect(await emailAfter(then), 'and the sync after that changes nothing').to.equal(email);
    });
  }

  it('of a file is looked at again when the policy of its entity type changes, and not when anything else does', async () => {
    const { integrationService, rosterService, mappingService, database } = await sharedServices();
    const { integrationId, institutionId } = await newSchool({
      'students.csv': 'id,nombres,email\n1,Ana,ana@x.cl\n2,Eva,eva@x.cl\n',
    });
    const digests = async () =>
      (
        await database.query<{ digest: string }>(
          'SELECT digest FROM integration_mappings WHERE integration_id = $1 ORDER BY external_id',
          [integrationId],
        )
      ).map(({ digest }) => digest);
    const syncWith = async (policy: Record<string, unknown>) => {
      await integrationService.updateIntegration(integrationId, { policy });
      const { success, counts } = await integrationService.syncData(integrationId, STUDENT);
      expect(success).to.equal(true);
      return [counts.updated, counts.unchanged];
    };
    await syncWith({ fields: { STUDENT: { email: 'SMARTID' } } });
    const { internalId } = await mappingService.getMappingByExternalId(integrationId, STUDENT, '1');
    await rosterService.putStudent(institutionId, internalId, { email: 'ours@x.cl' });
    expect(await syncWith({})).to.deep.equal([0, 2]);
    const before = await digests();
    const sameForStudents = { STUDENT: { code: 'SOURCE', email: 'SMARTID' }, TEACHER: { email: 'FILL' } };
    expect(await syncWith({ graceRuns: 7, fields: sameForStudents })).to.deep.equal([0, 2]);
    expect(await digests()).to.deep.equal(before);
    expect(await syncWith({ fields: { STUDENT: { email: 'SOURCE' } } })).to.deep.equal([1, 1]);
    expect((await rosterService.getStudent(institutionId, internalId)).email).to.equal('ana@x.cl');
    const after = await digests();
    expect(after.filter((digest) => before.includes(digest))).to.deep.equal([]);
    expect(await syncWith({ graceRuns: 2 })).to.deep.equal([0, 2]);
    expect(await digests()).to.deep.equal(after);
  });
});

describe('a person who is edited during a sync', () => {
  it('is not missing, and the next sync looks at the row', async () => {
    const { sync, mapping, person, known, rosterService, institutionId } = await recordSchool();
    await sync([[ANA, EVA, LUZ]]);
    const { internalId } = await mapping('1');
    const pages = async function* () {
      yield [ANA];
      await rosterService.putStudent(institutionId, internalId, { email: 'ours@x.cl' });
      yield [EVA];
    };
    expect((await sync(pages())).counts).to.deep.include({ missing: 1, unchanged: 2 });
    expect([(await mapping('1')).status, (await mapping('3')).status]).to.deep.equal(['ACTIVE', 'MISSING']);
    expect((await known())[1]).to.equal(false);
    await sync([[ANA, EVA, LUZ]]);
    expect((await person('1')).email).to.equal('ana@x.cl');
  });

  it('after the plan was made keeps no digest, although the row said nothing new', async () => {
    const { syncs, sync, mapping, person, known, rosterService, institutionId } = await recordSchool();
    await sync([[ANA, EVA]]);
    const { internalId } = await mapping('1');
    const saveApplied = syncs.runs.saveApplied.bind(syncs.runs);
    syncs.runs.saveApplied = async (run) => {
      await rosterService.putStudent(institutionId, internalId, { email: 'ours@x.cl' });
      return saveApplied(run);
    };
    const spaced = [ANA, EVA].map((row) => ({ ...row, email: ` ${row.email}` }));
    expect((await sync([spaced])).counts.unchanged).to.equal(2);
    syncs.runs.saveApplied = saveApplied;
    expect(await known()).to.deep.equal({ 1: false, 2: true });
    await sync([spaced]);
    expect((await person('1')).email).to.equal('ana@x.cl');
    expect(await known()).to.deep.equal({ 1: true, 2: true });
  });
});
