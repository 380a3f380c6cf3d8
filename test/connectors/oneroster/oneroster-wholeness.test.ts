import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { MappingEntityType } from '../../../src/connectors/index.js';
import { VolatileMemory } from '../../../src/connectors/testkit/volatile-memory.js';
import { createPathJail } from '../../../src/security/index.js';
import { csvFilesOf, makeOneRosterSchool } from '../../support/oneroster/index.js';
import { tempFolder } from '../../support/temp-folder.js';
import { read } from './read-oneroster.js';

const { STUDENT, TEACHER } = MappingEntityType;
const SMALL = { students: 5, courses: 2, teachers: 2 };

/** Reads files of which one was changed, as people who may be concluded from. */
async function readChanged(
  name: string,
  change: (lines: string[]) => string[],
  entityType: MappingEntityType = STUDENT,
) {
  const files = csvFilesOf(makeOneRosterSchool(SMALL));
  const changed = change((files[name] as string).trimEnd().split('\n'));
  const root = await tempFolder();
  await mkdir(join(root, 'in'));
  for (const [file, text] of Object.entries({ ...files, [name]: `${changed.join('\n')}\n` }))
    await writeFile(join(root, 'in', file), text);
  const found = await read({ config: { importPath: 'in' } }, entityType, { files: createPathJail(root) });
  const errors = found.issues.filter(({ severity }) => severity === 'error');
  return { ...found, rules: errors.map(({ rule }) => rule), ids: found.records.map((row) => row.externalId) };
}

describe('OneRoster files that are not whole', () => {
  it('conclude nothing from students whose rows of roles.csv cannot be read', async () => {
    const spoil = (lines: string[]) =>
      lines.map((line) => (line.includes('S3-role-0') ? 'S3-role-0,' : line));
    const { ids, issues, gaps } = await readChanged('roles.csv', spoil);
    expect(ids).to.not.include('S3');
    expect(issues[0]).to.deep.include({ rule: 'row.ragged', file: 'roles.csv' });
    expect(gaps.join()).to.contain('roles.csv has no row for user "S3"');
  });

  it('conclude nothing from students whom roles.csv leaves out', async () => {
    const cut = (lines: string[]) => lines.filter((line) => !/S[45]-role/.test(line));
    const { gaps } = await readChanged('roles.csv', cut);
    expect(gaps.join()).to.match(/no row for user "S4" \(users\.csv line \d+\) and 1 more/);
    expect((await readChanged('roles.csv', cut, TEACHER)).gaps).to.have.length(1);
  });

  it('are whole when each user has a role, be it that of a parent', async () => {
    const parent = (lines: string[]) =>
      lines.map((line) => (line.includes('S5-role') ? line.replace('student', 'parent') : line));
    const { gaps, ids } = await readChanged('roles.csv', parent);
    expect([gaps, ids]).to.deep.equal([[], ['S1', 'S2', 'S3', 'S4']]);
  });

  it('have no person of a header that comes once more', async () => {
    const twice = (lines: string[]) => [...lines.slice(0, 4), lines[0] as string, ...lines.slice(4)];
    const { ids, gaps, rules } = await readChanged('users.csv', twice);
    expect([ids.length, gaps, rules]).to.deep.equal([5, [], []]);
  });

  it('have an error in place of rows that stand inside a quotation', async () => {
    const open = (lines: string[]) =>
      lines.map((line) =>
        line.replace(/^(S2(?:,[^,]*){5}),([^,]*)/, '$1,"$2').replace(/^(S4(?:,[^,]*){5}),([^,]*)/, '$1,"$2"'),
      );
    const { rules, ids } = await readChanged('users.csv', open);
    expect(rules).to.deep.equal(['row.quotation']);
    expect(ids).to.deep.equal(['S1', 'S5']);
  });

  it('conclude nothing from one that is cut off in its last column, and ended with a line break before', async () => {
    const root = await tempFolder();
    await mkdir(join(root, 'in'));
    const files = csvFilesOf(makeOneRosterSchool(SMALL));
    const memory = new VolatileMemory();
    const night = async (changed: Record<string, string>) => {
      for (const [file, text] of Object.entries({ ...files, ...changed }))
        await writeFile(join(root, 'in', file), text);
      return read({ config: { importPath: 'in' } }, STUDENT, { files: createPathJail(root), memory });
    };
    expect((await night({})).gaps).to.deep.equal([]);
    for (const name of ['users.csv', 'roles.csv', 'enrollments.csv']) {
      const { gaps } = await night({ [name]: (files[name] as string).trimEnd() });
      expect(gaps.join(), name).to.contain(`${name} ends without a line break`);
    }
    expect((await night({})).gaps).to.deep.equal([]);
  });

  it('have an error in place of an id that a spreadsheet wrote in powers of ten', async () => {
    const spoil = (lines: string[]) => lines.map((line) => line.replace(/^S2,/, '1.23457E+11,'));
    const { rules } = await readChanged('users.csv', spoil);
    expect(rules).to.deep.equal(['value.powers']);
  });
});
