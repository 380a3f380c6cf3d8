import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Command } from 'commander';
import { cut, printable } from '../../src/cli/output.js';
import { program } from '../../src/cli/program.js';
import { sharedService, TOKEN } from '../support/service.js';
import { tempFolder } from '../support/temp-folder.js';
import { run, school, start, students, userOf } from './command.js';

describe('smartid, the command line', () => {
  it('lists, tests, syncs and shows the runs of a school, and says by its exit code that rows failed', async () => {
    const { id, smartid, json } = await school({
      'students.csv': 'id,first_name,last_name\n1,Ana,Paz\n2,,\n',
    });
    expect((await json('integrations', 'list')).map((each: { id: string }) => each.id)).to.include(id);
    const tested = await smartid('integrations', 'test', id);
    expect(tested).to.include({ code: 0 });
    expect(tested.out).to.contain('students.csv').and.contain('Connection successful');
    const synced = await smartid('sync', id, '--entity', 'student', '--watch', '--json');
    expect(JSON.parse(synced.out)).to.include({ status: 'COMPLETED' });
    expect(synced.code, synced.err).to.equal(4);
    const { out } = await smartid('runs', 'list', id);
    expect(out).to.match(/STUDENT +SYNC +COMPLETED/);
    const [{ id: runId }] = await json('runs', 'list', id, '--limit', '1');
    expect((await json('issues', id, runId))[0]).to.include({
      severity: 'ERROR',
      file: 'students.csv',
      line: 3,
    });
    expect((await smartid('issues', id, runId, '--export', 'students.csv')).out).to.contain('2,,');
    expect(await json('runs', 'show', id, runId)).to.include({ id: runId, status: 'COMPLETED' });
  });

  it('says what the service says of a bad id, without a stack', async () => {
    const { url } = await sharedService();
    const { err, code } = await run(['integrations', 'show', 'x'], await userOf(url));
    expect(code).to.equal(1);
    expect(err).to.contain('id').and.not.contain('    at ');
  });

  it('ends with 5 where no service answers, and with 2 for an unknown command', async () => {
    const env = await userOf('http://127.0.0.1:1');
    const unreachable = await run(['keys', 'rotate'], env);
    expect(unreachable.code).to.equal(5);
    expect(unreachable.err).to.contain('SMARTID_SERVER');
    expect((await run(['nothing'], env)).code).to.equal(2);
    expect((await run(['sync'], env)).code).to.equal(2);
    expect((await run(['integrations', 'list', '--server', 'no address'], env)).code).to.equal(2);
  });

  it('takes server and token from a profile that login writes, readable by its owner alone', async () => {
    const { url } = await sharedService();
    const { PATH, HOME } = await userOf(url);
    const env = { PATH, HOME };
    const refused = await run(['login', '--server', url, '--token-stdin'], env, 'not-the-token\n');
    expect(refused.code).to.equal(1);
    expect((await run(['keys', 'list', '--server', url], env)).code).to.equal(1);
    const taken = await run(['login', '--server', url, '--token-stdin'], env, `${TOKEN}\n`);
    expect(taken.code, taken.err).to.equal(0);
    const { mode } = await stat(join(HOME as string, '.config/smartid/profile.json'));
    expect(mode & 0o777).to.equal(0o600);
    expect((await run(['keys', 'list'], env)).code).to.equal(0);
  });

  it('refuses a profile file that others may read, or that holds something else', async () => {
    const env = await userOf('');
    const path = join(await tempFolder(), 'profile.json');
    await writeFile(path, '[1');
    await chmod(path, 0o644);
    const open = await run(['integrations', 'list', '--profile', path], env);
    expect(open.code).to.equal(2);
    expect(open.err).to.contain('chmod 600');
    await chmod(path, 0o600);
    const wrong = await run(['integrations', 'list', '--profile', path], env);
    expect(wrong.code).to.equal(2);
    expect(wrong.err).to.contain('must hold JSON');
  });

  it('lists every page, in JSON and in tables, and ends in silence when nobody reads on', async () => {
    const names = Array.from({ length: 2_100 }, (_, nth) => `Ana${nth}`);
    const { id, env, smartid, json } = await school({ 'students.csv': students(...names) });
    await smartid('sync', id, '--entity', 'STUDENT', '--watch');
    const all = await json('mappings', 'list', id);
    expect(new Set(all.map((each: { externalId: string }) => each.externalId)).size).to.equal(2_100);
    expect((await smartid('mappings', 'list', id)).out.trim().split('\n')).to.have.length(2_101);
    const { child, ended } = start(['mappings', 'list', id, '--json'], env);
    child.stdout.once('data', () => child.stdout.destroy());
    const { err, code } = await ended;
    expect({ err, code }).to.deep.equal({ err: '', code: 0 });
  });

  it('makes visible what would steer a terminal, and cuts wide characters by their width', () => {
    expect(printable('a\u001b[2Jb\u202e')).to.equal('a\\u001b[2Jb\\u202e');
    expect(cut('学生学生学生', 7)).to.equal('学生学…');
    expect(cut('abc', 3)).to.equal('abc');
  });

  it('has an example and a line in docs/cli.md for each command', async () => {
    const doc = await readFile('docs/cli.md', 'utf8');
    const commands = (command: Command, path: string[]): [string, Command][] =>
      command.commands.length === 0
        ? [[path.join(' '), command]]
        : command.commands.flatMap((each) => commands(each, [...path, each.name()]));
    const all = commands(program(), ['smartid']);
    expect(all.length).to.be.above(50);
    for (const [name, command] of all) {
      expect(doc, name).to.contain(`\`${name}`);
      const help: string[] = [];
      command.configureOutput({ writeOut: (text) => help.push(text) }).outputHelp();
      expect(help.join(''), name).to.match(/Example:\n {2}\$ /);
    }
  });
});
