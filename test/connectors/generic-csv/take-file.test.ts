import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { csvConfig } from '../../../src/connectors/generic-csv/csv-config.js';
import { takeFile } from '../../../src/connectors/generic-csv/take-file.js';
import { createPathJail } from '../../../src/security/index.js';
import { tempFolder } from '../../support/temp-folder.js';

describe('a file that is taken', () => {
  it('is put into its place although the transaction that does it is done again', async () => {
    const root = await tempFolder();
    async function* content() {
      yield Buffer.from('id,nombres\n1,Ana\n');
    }
    await takeFile(
      { files: createPathJail(root), integrationId: 'i', signal: new AbortController().signal },
      csvConfig.parse({ importPath: 'uploads/{id}' }),
      {
        name: 'students.csv',
        list: undefined,
        content: content(),
        validateOnly: false,
        async keep(_, place) {
          await place();
          await place();
        },
      },
    );
    const folder = join(root, 'uploads/i');
    expect(await readdir(folder)).to.deep.equal(['students.csv']);
    expect(await readFile(join(folder, 'students.csv'), 'utf8')).to.contain('Ana');
  });
});
