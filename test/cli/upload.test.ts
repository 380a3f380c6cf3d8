import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { tempFolder } from '../support/temp-folder.js';
import { writeWorkbook } from '../support/workbook.js';
import { school, students } from './command.js';

describe('smartid upload', () => {
  const uploading = async () => {
    const made = await school({});
    const { code, err } = await made.smartid(
      'integrations',
      'update',
      made.id,
      '--set',
      'importPath=uploads/{id}',
    );
    expect(code, err).to.equal(0);
    const folder = await tempFolder();
    const file = async (name: string, content: string | Buffer) => {
      await writeFile(join(folder, name), content);
      return join(folder, name);
    };
    return { ...made, file };
  };

  it('uploads workbooks and CSV files, tells how they are understood, and then they are synced', async () => {
    const { id, smartid, json, file } = await uploading();
    const rows = [
      ['id', 'nombre'],
      ['G1', '1A'],
    ];
    const groups = await file('groups.xlsx', await writeWorkbook({ sheets: [{ name: 'Cursos', rows }] }));
    const list = await file('students.csv', students('Ana', 'Eva'));
    const { code, out, err } = await smartid('upload', id, list, groups);
    expect(code, err).to.equal(0);
    expect(out).to.match(/students\.csv +kept +students +2 +0 +0 +id=externalId, first_name=givenName/);
    expect(out).to.match(/groups\.xlsx +kept +groups +1 /);
    const [again] = await json('upload', id, list);
    expect(again).to.include({ name: 'students.csv', unchanged: true });
    expect((await smartid('sync', id, '--entity', 'STUDENT', '--watch')).code).to.equal(0);
  });

  it('ends with 4 where rows are not right, and keeps nothing of what it only looks at', async () => {
    const { id, smartid, file } = await uploading();
    const list = await file('alumnos.csv', 'id,nombres\n1,Ana\n2\n#N/A,Eva\n');
    const { code, out, err } = await smartid('upload', id, list, '--list', 'students', '--validate-only');
    expect(code, err).to.equal(4);
    expect(out).to.match(/students\.csv +not kept +students +3 +2 +0/);
    expect(err).to.contain('line 3').and.contain('#N/A');
    const tested = await smartid('integrations', 'test', id);
    expect(tested.out).to.contain('Nothing was uploaded yet. Upload students.csv');
  });

  it('names no file that the school does not have where nothing was uploaded yet', async () => {
    const { id, smartid } = await uploading();
    await smartid('integrations', 'update', id, '--set', 'files={"teachers":"none"}');
    const { out } = await smartid('integrations', 'test', id);
    expect(out).to.match(/Nothing was uploaded yet\. Upload students\.csv, courses\.csv, /);
  });

  it('says of a file whose name tells no list how to call it, and by which option to say what it holds', async () => {
    const { id, smartid, file } = await uploading();
    const list = await file('Nómina 2026.csv', students('Ana'));
    const { code, err } = await smartid('upload', id, list);
    expect(code).to.equal(1);
    expect(err)
      .to.contain('"Nómina 2026.csv" does not say by its name which list it is. Call it students.csv, ')
      .and.contain('--list students');
    const { err: said } = await smartid('upload', id, list, '--list', 'students');
    expect(said).to.contain(`smartid sync ${id}`);
  });

  it('keeps none of several files where one is refused', async () => {
    const { id, smartid, json, file } = await uploading();
    const old = await file('students.csv', students('Ana', 'Eva'));
    await smartid('upload', id, old);
    await file('students.csv', students('Luz', 'Sol'));
    const refused = await smartid('upload', id, old, await file('groups.csv', '%PDF-1.7\n'));
    expect(refused.code).to.equal(1);
    expect(refused.err).to.contain('groups.csv is no CSV but a PDF');
    await file('students.csv', students('Ana', 'Eva'));
    const [again] = await json('upload', id, old);
    expect(again).to.include({ unchanged: true });
  });

  it('says what is wrong with a file, with 1 where the service refuses it and 2 where it is not there', async () => {
    const { id, smartid, file } = await uploading();
    const pdf = await file('students.csv', '%PDF-1.7\n');
    const refused = await smartid('upload', id, pdf);
    expect(refused.code).to.equal(1);
    expect(refused.err).to.contain('students.csv is no CSV but a PDF');
    const missing = await smartid('upload', id, `${pdf}.no`);
    expect(missing.code).to.equal(2);
    expect(missing.err).to.contain('ENOENT');
    expect((await smartid('upload', id)).code).to.equal(2);
    expect((await smartid('upload', id, pdf, pdf, '--list', 'students')).code).to.equal(2);
  });
});
