import { expect } from 'chai';
import { type SheetOptions, writeWorkbook } from '../../support/workbook.js';
import { all, attackedSchool, HEADER, list } from './attacked-school.js';

const cells = (line: string) => line.split(',');
const rows = (lines = all()) => [HEADER, ...lines].map(cells);
const book = (...sheets: SheetOptions[]) => writeWorkbook({ sheets });

/** A school whose students come from a workbook, which was read whole. */
async function school() {
  const made = await attackedSchool();
  await made.remove('students.csv');
  const { last } = await made.attack({ 'students.xlsx': await book({ rows: rows() }) });
  expect(last.gaps).to.deep.equal([]);
  return made;
}

describe('a workbook that is not whole', () => {
  it('takes nobody for gone, nor out of a group, whose rows went to another sheet', async () => {
    const { attack } = await school();
    const workbook = await book(
      { name: 'Alumnos', rows: rows(all().slice(0, 37)) },
      { name: 'Nuevos', rows: rows(all().slice(37)) },
    );
    const { last, gone, issues } = await attack({ 'students.xlsx': workbook });
    expect(gone).to.deep.equal([]);
    expect(last.gaps.join()).to.match(/students\.xlsx: the list seems to go on on the sheet "Nuevos"/);
    expect(issues.map(({ rule }) => rule)).to.deep.equal(['sheet.others']);
  });

  it('is whole beside sheets that are hidden, have another header or no rows', async () => {
    const { attack } = await school();
    const workbook = await book(
      { name: 'Alumnos', rows: rows(all().slice(0, 39)) },
      { name: 'Anterior', rows: rows(), state: 'hidden' },
      {
        name: 'Apoderados',
        rows: [
          ['rut', 'nombres', 'apellidos'],
          ['1-9', 'Eva', 'Paz'],
        ],
      },
      { name: 'Plantilla', rows: [cells(HEADER)] },
    );
    const { last, gone } = await attack({ 'students.xlsx': workbook });
    expect([last.gaps, gone]).to.deep.equal([[], ['STUDENT 40 Núñez']]);
  });

  it('takes nobody out of a group whose cell is merged with that of the row above', async () => {
    const { attack } = await school();
    const lines = all().map((line, i) => (i > 3 && i < 7 ? line.replace(/,G\d,/, ',,') : line));
    const workbook = await book({
      rows: rows(lines),
      after: '<mergeCells><mergeCell ref="E5:E8"/></mergeCells>',
    });
    const { last, gone, issues } = await attack({ 'students.xlsx': workbook });
    expect(gone).to.deep.equal([]);
    expect(last.gaps.join()).to.contain('the cells E5:E8 of grupo_id are merged');
    expect(issues[0]).to.deep.include({ rule: 'cells.merged', line: 5 });
  });

  it('is whole with a merged title, merged cells of one row, and merged cells of a column that says nothing', async () => {
    const { attack } = await school();
    const merged = ['A1:F1', 'B5:C5', 'F7:F9', 'G2:G40'].map((ref) => `<mergeCell ref="${ref}"/>`).join('');
    const titled = [['Colegio'], ...rows(all().slice(0, 39))];
    const workbook = await book({ rows: titled, after: `<mergeCells>${merged}</mergeCells>` });
    const { last, gone } = await attack({ 'students.xlsx': workbook });
    expect([last.gaps, gone]).to.deep.equal([[], ['STUDENT 40 Núñez']]);
  });

  it('goes on below empty rows, and hidden ones', async () => {
    const { attack } = await school();
    const parted = [...rows().slice(0, 20), null, null, ...rows().slice(20)];
    const { last, gone } = await attack({ 'students.xlsx': await book({ rows: parted }) });
    expect([last.gaps, gone]).to.deep.equal([[], []]);
  });

  it('is a CSV file all the same where one lies beside it', async () => {
    const { attack } = await school();
    const { gone } = await attack({ 'students.csv': list() });
    expect(gone).to.deep.equal([]);
  });
});
