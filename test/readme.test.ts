import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { layEmbeddedDatabase } from './support/embedded-template.js';
import { rest, sharedService, TOKEN } from './support/service.js';
import { tempFolder } from './support/temp-folder.js';
import { until } from './support/until.js';

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

  for (const way of ['curl', 'cli']) {
    it(`syncs a school in five minutes by ${way}, as it says`, async function () {
      if (way === 'curl' && !hasCurl()) {
        if (process.env.CI) throw new Error('CI needs curl.');
        console.warn('SKIPPED: the README by curl needs curl.');
        return this.skip();
      }
      const { url, files } = await sharedService();
      const readme = await readFile(join(ROOT, 'README.md'), 'utf8');
      const [, block] =
        new RegExp(`<!-- example: ${way} -->\\s*\`\`\`sh\\n([\\s\\S]*?)\`\`\``).exec(readme) ?? [];
      expect(block, 'the example').to.be.a('string');
      const folder = `school-${way}`;
      await cp(join(ROOT, 'examples/colegio-san-martin'), join(files, folder), { recursive: true });
      const home = await tempFolder();
      await mkdir(join(home, 'data'));
      await writeFile(join(home, 'data/admin-token'), TOKEN);
      const script = (block as string)
        .replaceAll('http://127.0.0.1:8080', url)
        .replaceAll('npx smartid', `'${process.execPath}' '${join(ROOT, 'dist/src/cli/main.js')}'`)
        .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/, randomUUID())
        .replaceAll('"school"', `"${folder}"`)
        .replaceAll('=school', `=${folder}`);
      const env = { PATH: process.env.PATH, HOME: home, SMARTID_SERVER: url };
      const { stdout } = await promisify(execFile)('bash', ['--norc', '-uo', 'pipefail', '-c', script], {
        cwd: home,
        env,
      });
      expect(stdout).to.contain('Connection successful').and.contain('PREVIEWED').and.contain('COMPLETED');
      expect(stdout)
        .to.contain('E1001')
        .and.match(/1196|"synced":1351/);
    });
  }
});

describe('the page about attendance', () => {
  it('shows a lesson by curl that is put in, marked, closed and corrected, and arrives', async function () {
    if (!hasCurl() && !process.env.CI) return this.skip();
    const { url, files } = await sharedService();
    const page = await readFile(join(ROOT, 'docs/attendance.md'), 'utf8');
    const [, block = ''] = /<!-- example: attendance -->\s*```sh\n([\s\S]*?)```/.exec(page) ?? [];
    expect(block, 'the example').to.contain('/close');
    const institutionId = randomUUID();
    await mkdir(join(files, institutionId));
    await writeFile(join(files, institutionId, 'students.csv'), 'id,nombres,grupo\n1,Ana,1A\n');
    const config = { importPath: institutionId, exportPath: institutionId };
    const settings = { institutionId, provider: 'GENERIC_CSV', config };
    const { id } = (await rest(url, 'POST', '/integrations', settings)).body;
    await rest(url, 'POST', `/integrations/${id}/sync`, {});
    const home = await tempFolder();
    await mkdir(join(home, 'data'));
    await writeFile(join(home, 'data/admin-token'), TOKEN);
    const script = block
      .replace('http://127.0.0.1:8080', url)
      .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/, institutionId);
    const { stdout } = await promisify(execFile)('bash', ['--norc', '-euo', 'pipefail', '-c', script], {
      cwd: home,
      env: { PATH: process.env.PATH, HOME: home },
    });
    expect(stdout).to.contain(`"integrationIds":["${id}"]`).and.contain('"updated":1');
    const written = async () => {
      const name = (await readdir(join(files, institutionId))).find((each) => each.startsWith('attendance-'));
      return name ? readFile(join(files, institutionId, name), 'utf8') : '';
    };
    await until(async () => (await written()).includes('LATE'));
  });
});

function hasCurl(): boolean {
  return spawnSync('curl', ['--version']).status === 0;
}
