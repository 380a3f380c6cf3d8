import { expect } from 'chai';
import { MappingEntityType } from '../../../src/index.js';
import { newSchool, sharedServices } from '../../support/services.js';
import { all, attackedSchool, HEADER, list } from './attacked-school.js';

const rules = (issues: readonly { rule: string }[]) => [...new Set(issues.map(({ rule }) => rule))];

describe('a CSV file that is not whole', () => {
  it('stops the sync when it is cut in the middle of a character, instead of spoiling every accent', async () => {
    const school = await attackedSchool();
    const bytes = Buffer.from(
      list([...all().slice(0, 38), '39,,Ana,Soto,G4,ana@colegio.cl', '40,,Ana,Soto,G1,peñ']),
    );
    const cut = bytes.subarray(0, bytes.lastIndexOf(Buffer.from('ñ')) + 1);
    const { last, gone } = await school.attack({ 'students.csv': cut });
    expect(gone).to.deep.equal([]);
    expect(last.errors[0]).to.match(/students\.csv ends in the middle of a character.*cut off/);
  });

  it('is read as Windows-1252 to its end when its only accent is the last character of all', async () => {
    const rows = all().map((line) => line.replace('Núñez', 'Nunez'));
    const school = await attackedSchool({ 'students.csv': list(rows) });
    const latin = Buffer.from(list([...rows, '41,,Ana,Soto,G1,é']).trimEnd(), 'latin1');
    const { reports } = await school.attack({ 'students.csv': latin });
    expect(reports[1]?.counts).to.deep.include({ created: 1, failed: 0 });
  });

  it('stops the sync when it is cut in the middle of a character of UTF-16', async () => {
    const bytes = (text: string) => Buffer.from(`\uFEFF${text}`, 'utf16le');
    const school = await attackedSchool({ 'students.csv': bytes(list()) });
    const whole = bytes(list(all().slice(0, 38)));
    const { last, gone } = await school.attack({ 'students.csv': whole.subarray(0, whole.length - 3) });
    expect(gone).to.deep.equal([]);
    expect(last.errors[0]).to.match(/students\.csv ends in the middle of a character/);
  });

  it('takes nobody for gone whose rows are inside a quotation that the next quotation ends', async () => {
    const rows = all();
    const opened = rows
      .with(9, '10,,"Ana 10,Núñez,G3,a@colegio.cl')
      .with(12, '13,,"Ana 13",Soto,G2,b@colegio.cl');
    const school = await attackedSchool();
    const { last, issues, gone } = await school.attack({ 'students.csv': list(opened) });
    expect(gone).to.deep.equal([]);
    expect(rules(issues)).to.include('row.quotation');
    expect(issues.find(({ rule }) => rule === 'row.quotation')).to.deep.include({ line: 11 });
    expect(last.gaps.join()).to.match(/could not be read/);
  });

  it('takes nobody for gone whose rows are inside a quotation that a stray quote ends', async () => {
    const opened = all()
      .with(9, '10,,"Ana 10,Núñez,G3,a@colegio.cl')
      .with(12, '13,,Ana 13",Soto,G2,b@colegio.cl');
    const school = await attackedSchool();
    const { issues, gone } = await school.attack({ 'students.csv': list(opened) });
    expect(gone).to.deep.equal([]);
    expect(rules(issues)).to.include('row.quotation');
  });

  it('keeps a row whose cells have line breaks and delimiters of their own', async () => {
    const lines = all().with(9, '10,,"Ana 10\nde Soto, G3, x","Núñez",G3,a10@colegio.cl');
    const school = await attackedSchool();
    const { last } = await school.attack({ 'students.csv': list(lines) });
    expect([last.gaps, last.counts.failed]).to.deep.equal([[], 0]);
  });

  it('takes nobody for gone whose id a spreadsheet wrote in powers of ten', async () => {
    const id = (i: number) => `${10 + i}0000000000${i}`;
    const long = all().map((line, i) => line.replace(/^\d+/, id(i)));
    const school = await attackedSchool({ 'students.csv': list(long) });
    const spoilt = long.map((line, i) => (i < 3 ? line.replace(/^\d+/, `${1 + i / 10}E+12`) : line));
    const { issues, gone, last } = await school.attack({ 'students.csv': list(spoilt) });
    expect(gone).to.deep.equal([]);
    expect(rules(issues)).to.include('value.powers');
    expect(last.counts.created).to.equal(0);
  });

  it('stops at a second header whose columns stand in another order', async () => {
    const second = 'id,nombres,apellidos,rut,correo,grupo_id';
    const other = all()
      .slice(36)
      .map((line) => {
        const [id, rut, given, family, group, mail] = line.split(',');
        return [id, given, family, rut, mail, group].join(',');
      });
    const school = await attackedSchool();
    const { last, gone } = await school.attack({
      'students.csv': list([...all().slice(0, 36), second, ...other]),
    });
    expect(gone).to.deep.equal([]);
    expect(last.errors[0]).to.match(/students\.csv line 38.*another header/);
  });

  it('passes over a second header that is written in other letters', async () => {
    const school = await attackedSchool();
    const rows = [
      ...all().slice(0, 36),
      HEADER.toUpperCase().replace('CORREO', 'E-mail'),
      ...all().slice(36),
    ];
    const { last, issues, gone } = await school.attack({ 'students.csv': list(rows) });
    expect([gone, last.counts.created, last.gaps]).to.deep.equal([[], 0, []]);
    expect(rules(issues)).to.deep.equal(['row.header']);
  });

  it('takes nobody for gone whose row begins with the mark and the quotation of a second file', async () => {
    const school = await attackedSchool();
    const rows = all().with(20, `\uFEFF"21",,"Ana 21","Soto","G2","x@colegio.cl"`);
    const { last, issues, gone } = await school.attack({ 'students.csv': list(rows) });
    expect([gone, last.counts.created]).to.deep.equal([[], 0]);
    expect(rules(issues)).to.deep.equal(['row.mark']);
  });

  it('takes nobody for gone when it is cut in its last column, where it ended with a line break before', async () => {
    const school = await attackedSchool();
    const cut = list(all().slice(0, 38)).slice(0, -5);
    const { last, gone } = await school.attack({ 'students.csv': cut });
    expect(gone).to.deep.equal([]);
    expect(last.gaps.join()).to.match(/students\.csv ends without a line break.*cut off/);
  });

  const KNOWN: [what: string, spoil: (lines: string[]) => string][] = [
    ['is cut inside a row', (lines) => lines.slice(0, 38).join('\n').slice(0, -25)],
    [
      'has another delimiter from some row on',
      (lines) =>
        [...lines.slice(0, 30), ...lines.slice(30).map((line) => line.replaceAll(',', ';'))].join('\n'),
    ],
    ['has a row without an id', (lines) => lines.with(9, `,${lines[9]?.replace(/^\d+,/, '')}`).join('\n')],
    [
      'has a failed formula in place of an id',
      (lines) => lines.with(9, '#N/A,,Ana,Soto,G2,a@x.cl').join('\n'),
    ],
  ];
  for (const [what, spoil] of KNOWN) {
    it(`takes nobody for gone when it ${what}`, async () => {
      const school = await attackedSchool();
      const { last, gone } = await school.attack({ 'students.csv': spoil(list().trimEnd().split('\n')) });
      expect(gone).to.deep.equal([]);
      expect(last.gaps.join()).to.match(/could not be read/);
    });
  }

  it('stops the sync when it ends in zeros, as one that was not written to its end', async () => {
    const school = await attackedSchool();
    const lost = '\0'.repeat(list(all().slice(38)).length);
    const { last, gone } = await school.attack({ 'students.csv': list(all().slice(0, 38)) + lost });
    expect(gone).to.deep.equal([]);
    expect(last.errors[0]).to.contain('was damaged on its way');
  });

  it('is whole with line ends of CR alone, and with an empty end', async () => {
    const school = await attackedSchool();
    const text = `${list(all().slice(0, 39)).replaceAll('\n', '\r')}\r\r,,,,,\r`;
    const { last, gone } = await school.attack({ 'students.csv': text });
    expect([last.gaps, gone]).to.deep.equal([[], ['STUDENT 40 Núñez']]);
  });

  it('ends no membership when memberships.csv is cut in its last column', async () => {
    const students = list().replace(/,G\d,/g, ',,');
    const rows = all()
      .map((line) => line.split(','))
      .map((cells) => `${cells[4]},10${cells[0]}`);
    const ids = students.replace(/^(\d+),/gm, '10$1,');
    const memberships = `grupo_id,persona_id\n${rows.join('\n')}\n`;
    const school = await attackedSchool({ 'students.csv': ids, 'memberships.csv': memberships });
    const cut = memberships.slice(0, memberships.lastIndexOf('\n', memberships.length - 2));
    const { last, gone } = await school.attack({ 'memberships.csv': cut });
    expect(gone).to.deep.equal([]);
    expect(last.gaps.join()).to.match(/memberships\.csv ends without a line break/);
  });

  it('stops no group that the students name when it is cut in its last column', async () => {
    const { integrationService, mappingService } = await sharedServices();
    const text = 'id,nombres,curso,correo\n1,Ana,1A,a@x.cl\n2,Luz,1A,b@x.cl\n3,Eva,1B,c@x.cl\n';
    const { integrationId, write } = await newSchool({ 'students.csv': text });
    const sync = () => integrationService.syncData(integrationId, MappingEntityType.GROUP);
    await sync();
    await write({ 'students.csv': text.slice(0, text.indexOf('3,Eva') - 3) });
    expect((await sync()).gaps.join()).to.match(/students\.csv ends without a line break/);
    const groups = (await mappingService.listMappings(integrationId)).items;
    expect(groups.map(({ status }) => status)).to.deep.equal(['ACTIVE', 'ACTIVE']);
  });

  it('lacks a student all the same when it never ended with a line break', async () => {
    const school = await attackedSchool({ 'students.csv': list().trimEnd() });
    const { last, gone } = await school.attack({ 'students.csv': list(all().slice(0, 39)).trimEnd() });
    expect(last.gaps).to.deep.equal([]);
    expect(gone).to.include('STUDENT 40 Núñez');
  });
});
