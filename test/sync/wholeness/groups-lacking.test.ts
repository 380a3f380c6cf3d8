import { expect } from 'chai';
import { all, attackedSchool, GROUPS, list } from './attacked-school.js';

const SHORTER = GROUPS.replace('G4,1D\n', '');
const MEMBERSHIPS = `grupo_id,persona_id,rol\n${all()
  .map((line) => line.split(','))
  .map((cells) => `${cells[4]},${cells[0]},alumno\n`)
  .join('')}`;

describe('a groups.csv that is shorter than it was', () => {
  it('stops no group that a row of students.csv names, and says which row', async () => {
    const { attack } = await attackedSchool();
    const { reports, gone } = await attack({
      'groups.csv': SHORTER,
      'students.csv': list(all().filter((line) => !line.includes(',G4,') || line.startsWith('3,'))),
    });
    expect(gone.filter((key) => key.startsWith('GROUP'))).to.deep.equal([]);
    expect(reports[0]?.gaps.join()).to.match(
      /groups\.csv lacks group "G4", which students\.csv line 4 names/,
    );
  });

  it('stops no group that a row of memberships.csv names', async () => {
    const students = list(all().map((line) => line.replace(/,G\d,/, ',,')));
    const { attack } = await attackedSchool({ 'students.csv': students, 'memberships.csv': MEMBERSHIPS });
    const { reports, gone } = await attack({ 'groups.csv': SHORTER });
    expect(gone).to.deep.equal([]);
    expect(reports[0]?.gaps.join()).to.match(/lacks group "G4", which memberships\.csv line 4 names/);
  });

  it('stops a group that nobody names any more, or only students who have left', async () => {
    const state = (lines: string[]) =>
      list(['x', ...lines])
        .replace('correo', 'correo,estado')
        .replace('x\n', '')
        .replace(/(@colegio\.cl)/g, '$1,Activo');
    const { attack } = await attackedSchool({ 'students.csv': state(all()) });
    const moved = all().map((line) => line.replace(',G4,', ',G1,'));
    const left = state(moved).replace('\n3,,Ana 3,Soto,G4,ana3@colegio.cl,Activo', '');
    const { reports, gone } = await attack({
      'groups.csv': SHORTER,
      'students.csv': `${left}99,,Eva,Paz,G4,e@colegio.cl,Retirada\n`,
    });
    expect(reports[0]?.gaps).to.deep.equal([]);
    expect(gone).to.include('GROUP G4');
  });

  it('stops a group where the column of students.csv holds something else than the ids of groups', async () => {
    const students = list(all().map((line) => line.replace(/,G(\d),/, ',Curso $1,')));
    const { attack } = await attackedSchool({ 'students.csv': students });
    const { reports, gone } = await attack({ 'groups.csv': SHORTER });
    expect([reports[0]?.gaps, gone]).to.deep.equal([[], ['GROUP G4']]);
  });
});
