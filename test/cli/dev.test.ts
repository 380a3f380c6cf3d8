import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { tempFolder } from '../support/temp-folder.js';
import { until } from '../support/until.js';
import { run, start } from './command.js';

describe('smartid dev', () => {
  it('starts the service with a school that is synced, shows where, and ends by Ctrl-C', async () => {
    const folder = await tempFolder();
    const env = { PATH: process.env.PATH, HOME: folder };
    const args = ['dev', '--no-open', '--port', '0', '--data', join(folder, 'dev')];
    const { child, shown, ended } = start(args, env);
    child.once('exit', (code) => {
      shown.out ||= `It ended with ${code}: Ctrl-C`;
    });
    await until(() => shown.out.includes('Ctrl-C'));
    const [, url = ''] = /^Console: +(\S+)$/m.exec(shown.out) ?? [];
    const [, token = ''] = /^Token: +(\S+)$/m.exec(shown.out) ?? [];
    expect(url, shown.err).to.match(/^http/);
    const user = { ...env, SMARTID_SERVER: url, SMARTID_TOKEN: token };
    const [school] = JSON.parse((await run(['integrations', 'list', '--json'], user)).out);
    expect(school).to.include({ provider: 'GENERIC_CSV', status: 'ACTIVE' });
    const students = JSON.parse((await run(['mappings', 'list', school.id, '--json'], user)).out);
    expect(students).to.have.length(1_196);
    child.kill('SIGINT');
    const { code, err } = await ended;
    expect(code, err).to.equal(0);
  });

  it('ends at once by Ctrl-C before it listens, and takes its service with it even when it is killed', async () => {
    const folder = await tempFolder();
    const env = { PATH: process.env.PATH, HOME: folder };
    const early = start(['dev', '--no-open', '--port', '0', '--data', join(folder, 'early')], env);
    await until(() => existsSync(join(folder, 'early')));
    early.child.kill('SIGINT');
    expect((await early.ended).code).to.equal(0);
    const killed = start(['dev', '--no-open', '--port', '0', '--data', join(folder, 'dev')], env);
    await until(() => killed.shown.out.includes('Ctrl-C') || killed.child.exitCode !== null);
    const [, url = ''] = /^Console: +(\S+)$/m.exec(killed.shown.out) ?? [];
    killed.child.kill('SIGKILL');
    await until(() =>
      fetch(`${url}/healthz`).then(
        () => false,
        () => true,
      ),
    );
  });

  it('says in one sentence why it cannot start', async () => {
    const folder = await tempFolder();
    const args = ['dev', '--no-open', '--port', '80000', '--data', join(folder, 'dev')];
    const { code, err } = await run(args, { PATH: process.env.PATH, HOME: folder });
    expect(code).to.equal(2);
    expect(err).to.contain('PORT').and.not.contain('    at ');
  });
});
