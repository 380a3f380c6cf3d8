import { expect } from 'chai';
import { MappingEntityType } from '../../../src/index.js';
import { newSchool, sharedServices } from '../../support/services.js';

const { GROUP, STUDENT } = MappingEntityType;
const STUDENTS = Array.from({ length: 120 }, (_, i) => i + 1);
/** Twenty classes of six. */
const classOf = (student: number) => (student % 20) + 1;
const lines = (...rows: string[]) => rows.map((row) => `${row}\n`).join('');
const memberships = (students = STUDENTS, group = classOf) =>
  lines('grupo_id,persona_id,rol', ...students.map((student) => `G${group(student)},${student},alumno`));
const isIn = (group: number) => (student: number) => classOf(student) === group;
const others = STUDENTS.filter((student) => !isIn(7)(student));

/** A school with all its memberships. */
async function school() {
  const { database, integrationService } = await sharedServices();
  const groups = Array.from({ length: 21 }, (_, i) => `G${i + 1},Curso ${i + 1}`);
  const made = await newSchool({
    'groups.csv': lines('id,nombre', ...groups),
    'students.csv': lines('id,nombres', ...STUDENTS.map((student) => `${student},Ana ${student}`)),
    'memberships.csv': memberships(),
  });
  const sync = (type: MappingEntityType) => integrationService.syncData(made.integrationId, type);
  for (const type of [GROUP, STUDENT]) await sync(type);
  return {
    async night(text: string) {
      await made.write({ 'memberships.csv': text });
      const report = await sync(STUDENT);
      const [row] = await database.query<{ count: number }>(
        'SELECT count(*)::int AS count FROM memberships WHERE institution_id = $1',
        [made.institutionId],
      );
      return { report, gaps: report.gaps.join(), members: row?.count };
    },
    preview: () => integrationService.previewSync(made.integrationId, STUDENT),
  };
}

describe('a list of memberships that lacks one group', () => {
  it('ends none of them in the first night, and says which group it is', async () => {
    const { night } = await school();
    const { report, gaps, members } = await night(memberships(others));
    expect([report.status, members, report.membershipCounts.deactivated]).to.deep.equal([
      'COMPLETED',
      120,
      0,
    ]);
    expect(gaps).to.match(/"Curso 7" had 6 members, and the source lists nobody there/);
  });

  it('ends them when the next night says the same', async () => {
    const { night } = await school();
    await night(memberships(others));
    const { gaps, members } = await night(memberships(others));
    expect([gaps, members]).to.deep.equal(['', 114]);
  });

  it('ends none when the next night has them again, and asks anew after that', async () => {
    const { night } = await school();
    await night(memberships(others));
    expect(await night(memberships())).to.deep.include({ gaps: '', members: 120 });
    expect((await night(memberships(others))).members).to.equal(120);
  });

  it('ends others meanwhile', async () => {
    const { night } = await school();
    const { members, gaps } = await night(memberships(others.filter((student) => student !== 1)));
    expect(members).to.equal(119);
    expect(gaps).to.contain('Curso 7');
  });

  it('ends them at once when its people are in other groups now', async () => {
    const { night } = await school();
    const moved = (student: number) => (isIn(7)(student) ? 21 : classOf(student));
    const { members, gaps, report } = await night(memberships(STUDENTS, moved));
    expect([gaps, members, report.membershipCounts.deactivated]).to.deep.equal(['', 120, 6]);
  });

  it('holds the plan as ever when too many would be left without a group', async () => {
    const { night } = await school();
    const few = STUDENTS.filter((student) => classOf(student) > 3);
    const { report, members } = await night(memberships(few));
    expect([report.status, members]).to.deep.equal(['HELD', 120]);
  });

  it('is not believed for a preview that said the same', async () => {
    const { night, preview } = await school();
    await night(memberships(others));
    await night(memberships());
    await preview();
    expect((await night(memberships(others))).members).to.equal(120);
  });
});
