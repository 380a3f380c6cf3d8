import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { printable } from '../../src/cli/output.js';
import { rest, sharedService, TOKEN } from '../support/service.js';
import { tempFolder } from '../support/temp-folder.js';

const MAIN = join(dirname(fileURLToPath(import.meta.url)), '../../src/cli/main.js');

async function smartid(args: string[], env: NodeJS.ProcessEnv = {}) {
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { PATH: process.env.PATH, HOME: await tempFolder(), SMARTID_TOKEN: TOKEN, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { out, err, code };
}

describe('smartid, the command line', () => {
  it('lists, tests, syncs and shows the runs of a school, and says by its exit code that rows failed', async () => {
    const { url, files } = await sharedService();
    const folder = randomUUID();
    await mkdir(join(files, folder), { recursive: true });
    await writeFile(join(files, folder, 'students.csv'), 'id,first_name,last_name\n1,Ana,Paz\n2,,\n');
    const made = await rest(url, 'POST', '/integrations', {
      institutionId: randomUUID(),
      provider: 'GENERIC_CSV',
      config: { importPath: folder, exportPath: folder },
      credentials: {},
    });
    const { id } = made.body;
    const env = { SMARTID_SERVER: url };
    const list = await smartid(['integrations', 'list', '--json'], env);
    expect(JSON.parse(list.out).map((each: { id: string }) => each.id)).to.include(id);
    expect((await smartid(['integrations', 'test', id], env)).code).to.equal(0);
    const synced = await smartid(['sync', id, '--entity', 'STUDENT', '--watch', '--json'], env);
    expect(JSON.parse(synced.out)).to.include({ status: 'COMPLETED' });
    expect(synced.code, synced.err).to.equal(4);
    const runs = await smartid(['runs', 'list', id], env);
    expect(runs.out).to.match(/STUDENT +SYNC +COMPLETED/);
  });

  it('says what the service says of a bad id, without a stack', async () => {
    const { url } = await sharedService();
    const { err, code } = await smartid(['integrations', 'show', 'x'], { SMARTID_SERVER: url });
    expect(code).to.equal(1);
    expect(err).to.contain('id').and.not.contain('    at ');
  });

  it('ends with 5 where no service answers, and with 2 for an unknown command', async () => {
    const env = { SMARTID_SERVER: 'http://127.0.0.1:1' };
    const unreachable = await smartid(['integrations', 'list'], env);
    expect(unreachable.code).to.equal(5);
    expect(unreachable.err).to.contain('SMARTID_SERVER');
    expect((await smartid(['nothing'], env)).code).to.equal(2);
  });

  it('refuses a profile file that others may read', async () => {
    const path = join(await tempFolder(), 'profile.json');
    await writeFile(path, '{}');
    await chmod(path, 0o644);
    const { err, code } = await smartid(['integrations', 'list', '--profile', path]);
    expect(code).to.equal(2);
    expect(err).to.contain('chmod 600');
  });

  it('makes visible what would steer a terminal', () => {
    expect(printable('a\u001b[2Jb\u202e')).to.equal('a\\u001b[2Jb\\u202e');
  });

  it('names in docs/cli.md each command of its help', async () => {
    const doc = await readFile('docs/cli.md', 'utf8');
    for (const group of ['', 'integrations', 'runs']) {
      const { out } = await smartid([...group.split(' ').filter(Boolean), '--help']);
      const names = [...(out.split('Commands:')[1] ?? '').matchAll(/^ {2}([a-z]+)/gm)].map(
        ([, name]) => name,
      );
      for (const name of names.filter((each) => each !== 'help'))
        expect(doc).to.contain(`smartid ${group ? `${group} ` : ''}${name}`);
    }
  });
});
