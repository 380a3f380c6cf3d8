import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { tempFolder } from '../support/temp-folder.js';
import { until } from '../support/until.js';
import { hasTerminal, run, runOnTerminal, school, start, students } from './command.js';

describe('smartid on a terminal', () => {
  before(function () {
    if (hasTerminal()) return;
    if (process.env.CI) throw new Error('CI needs `script` of util-linux.');
    console.warn('SKIPPED: smartid on a terminal needs `script` of util-linux.');
    this.skip();
  });

  it('draws the progress of a sync on one line, and cuts tables at its width', async () => {
    const names = Array.from({ length: 40 }, (_, nth) => `Ana${nth}`);
    const { id, env } = await school({ 'students.csv': students(...names) });
    const synced = await runOnTerminal(['sync', id, '--entity', 'STUDENT', '--watch'], env);
    expect(synced.code, synced.shown).to.equal(0);
    expect(synced.shown)
      .to.contain('\r\u001b[K')
      .and.match(/COMPLETED \S{36}/);
    const listed = await runOnTerminal(['mappings', 'list', id], env, { columns: 50 });
    const lines = listed.shown.split(/\r?\n/).filter(Boolean);
    expect(lines).to.have.length(41);
    for (const line of lines) expect(line.length).to.be.at.most(50);
    expect(lines[1]).to.match(/…$/);
  });

  it('asks before it removes, and does nothing unless the answer is yes', async () => {
    const { id, env, json } = await school({ 'students.csv': students('Ana', 'Eva') });
    await run(['sync', id, '--entity', 'STUDENT', '--watch'], env);
    const no = await runOnTerminal(['integrations', 'delete', id], env, { answers: [['2 mappings', 'n']] });
    expect(no.code, no.shown).to.equal(2);
    expect(no.shown).to.contain('Nothing was done.');
    expect(await json('integrations', 'show', id)).to.include({ id });
    const yes = await runOnTerminal(['integrations', 'delete', id], env, { answers: [['2 mappings', 'y']] });
    expect(yes.code, yes.shown).to.equal(0);
    expect((await run(['integrations', 'show', id], env)).code).to.equal(1);
  });

  it('asks for what a school needs to be connected, and does not show a credential that is typed', async () => {
    const { env, json } = await school({ 'students.csv': students('Ana') });
    const institution = randomUUID();
    const args = ['integrations', 'create', '--provider', 'MOODLE', '--institution', institution];
    const { shown, code } = await runOnTerminal(args, env, {
      answers: [
        ['apiUrl', 'https://moodle.example\r'],
        ['timeZone', '\r'],
        ['wsToken', 's3cret-token\r'],
      ],
    });
    expect(code, shown).to.equal(0);
    expect(shown).not.to.contain('s3cret-token');
    const [made] = await json('integrations', 'list', '--institution', institution);
    expect(made).to.deep.include({ provider: 'MOODLE', credentialFields: ['wsToken'] });
    expect(made.config).to.include({ apiUrl: 'https://moodle.example' });
  });
});

describe('smartid that follows a run', () => {
  it('leaves it going when it is interrupted, says how to go on, and ends with 130', async () => {
    const { env, institutionId, smartid } = await school({});
    // A school whose system takes a call and never answers.
    const silent = createServer(() => {});
    await once(silent.listen(0, '127.0.0.1'), 'listening');
    const apiUrl = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    env.MOODLE = 'token';
    const made = await smartid(
      ...['integrations', 'create', '--institution', institutionId, '--provider', 'MOODLE'],
      ...['--set', `apiUrl=${apiUrl}`, '--secret-env', 'wsToken=MOODLE'],
    );
    const id = made.out.trim();
    const { child, shown, ended } = start(['sync', id, '--entity', 'STUDENT', '--watch'], env);
    await until(() => /QUEUED|RUNNING/.test(shown.err));
    child.kill('SIGINT');
    const { err, code } = await ended;
    expect(code, err).to.equal(130);
    const [, runId = ''] = /smartid runs watch \S+ (\S+)/.exec(err) ?? [];
    expect((await smartid('runs', 'cancel', id, runId, '--reason', 'enough')).code).to.equal(0);
    const watched = await smartid('runs', 'watch', id, runId);
    expect(watched.code).to.equal(1);
    expect(watched.out).to.contain(`CANCELED ${runId}`);
    silent.closeAllConnections();
    silent.close();
  });
});

describe('the completion of smartid', () => {
  const complete = async (line: string): Promise<string[]> => {
    const env = { PATH: process.env.PATH, HOME: await tempFolder() };
    const { out } = await run(['completion', 'bash'], env);
    const script = join(await tempFolder(), 'smartid.bash');
    const words = line.split(' ');
    const array = words.map((word) => `'${word}'`).join(' ');
    await writeFile(
      script,
      `${out}\nCOMP_WORDS=(${array}); COMP_CWORD=${words.length - 1}; _smartid; printf '%s\\n' "\${COMPREPLY[@]}"\n`,
    );
    return execFileSync('bash', ['--norc', script], { encoding: 'utf8' }).split('\n').filter(Boolean);
  };

  it('knows commands, commands of a group, and options, in bash', async () => {
    expect(await complete('smartid pl')).to.deep.equal(['plan']);
    expect(await complete('smartid completion ')).to.include.members(['bash', 'zsh', 'fish']);
    expect(await complete('smartid --json plan ')).to.include.members(['show', 'approve', 'discard']);
    expect(await complete('smartid people ')).to.include.members(['find', 'show']);
    expect(await complete('smartid plan approve ID --re')).to.have.members(['--reason', '--rekey']);
  });

  it('is written for zsh and fish too, and for no other shell', async () => {
    const env = { PATH: process.env.PATH, HOME: await tempFolder() };
    expect((await run(['completion', 'zsh'], env)).out).to.contain('bashcompinit');
    expect((await run(['completion', 'fish'], env)).out).to.contain("-a plan -d '");
    expect((await run(['completion', 'tcsh'], env)).code).to.equal(2);
  });
});
