import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { layEmbeddedDatabase } from './support/embedded-template.js';
import { tempFolder } from './support/temp-folder.js';

const ROOT = process.cwd();

describe('the README', () => {
  it('shows a usage example that runs', async () => {
    const readme = await readFile(join(ROOT, 'README.md'), 'utf8');
    const [, example] = /<!-- example: usage -->\s*```ts\n([\s\S]*?)```/.exec(readme) ?? [];
    expect(example, 'the example').to.be.a('string');
    const dataDir = await tempFolder();
    await layEmbeddedDatabase(dataDir);
    await mkdir(join(dataDir, 'files/school'), { recursive: true });
    await writeFile(join(dataDir, 'files/school/students.csv'), 'id,nombres\n1,Ana\n');
    await writeFile(join(dataDir, 'files/school/groups.csv'), 'id,nombre\nG1,1A\n');
    const text = (example as string)
      .replace("'smartid-integrations'", JSON.stringify(join(ROOT, 'dist/src/index.js')))
      .replace("dataDir: './data'", `dataDir: ${JSON.stringify(dataDir)}`)
      .replace(/const institutionId = .*;/, `const institutionId = '${randomUUID()}';`);
    const script = join(dataDir, 'example.mjs');
    await writeFile(script, text);
    const said = execFileSync(process.execPath, [script], { encoding: 'utf8' });
    const shown = said.replace(/\s+/g, ' ');
    expect(shown)
      .to.contain("{ success: true, message: 'Connection successful'")
      .and.contain('{ success: true, synced: 1, errors: [] }');
    expect(shown).to.contain("externalId: '1'").and.contain('{ success: true, sent: 1, ');
  });
});
