import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { layEmbeddedDatabase } from '../support/embedded-template.js';
import { startService, TOKEN } from '../support/service.js';
import { tempFolder } from '../support/temp-folder.js';
import { until } from '../support/until.js';

const MAIN = join(dirname(fileURLToPath(import.meta.url)), '../../src/main.js');

/** A data directory as a service leaves it. */
async function usedFolder(): Promise<string> {
  const dataDir = await tempFolder();
  await layEmbeddedDatabase(dataDir);
  return dataDir;
}

/** Where the embedded database is reached once it is there. */
const socketOf = (dataDir: string) => join(dataDir, 'socket/.s.PGSQL.5432');

/** NODE_OPTIONS with which a service goes on loading only when `condition`, an expression, holds. */
async function loadingWaitsFor(condition: string): Promise<string> {
  const folder = await tempFolder();
  const hooks = `import { existsSync } from 'node:fs';
    import { setTimeout as pause } from 'node:timers/promises';
    export async function resolve(name, context, next) {
      const end = Date.now() + 20_000;
      while (name.endsWith('/serve.js') && !(${condition})) {
        if (Date.now() > end) throw new Error('it waited in vain');
        await pause(5);
      }
      return next(name, context);
    }`;
  await writeFile(join(folder, 'hooks.mjs'), hooks);
  const register = `import { register } from 'node:module'; register('./hooks.mjs', import.meta.url);`;
  await writeFile(join(folder, 'register.mjs'), register);
  return `--import=${join(folder, 'register.mjs')}`;
}

function spawnService(dataDir: string, env: Record<string, string>): ChildProcess {
  return spawn(process.execPath, [MAIN], {
    env: { PATH: process.env.PATH, DATA_DIR: dataDir, PORT: '0', ADMIN_TOKEN: TOKEN, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
}

/** What a service that cannot start says, without its first line. */
async function refusal(dataDir: string, env: Record<string, string>): Promise<string> {
  const child = spawnService(dataDir, env);
  let said = '';
  child.stderr?.on('data', (chunk) => {
    said += chunk;
  });
  const [code] = await once(child, 'close');
  expect(code).to.equal(1);
  return said.split('\n').slice(1).join('\n').trim();
}

const embedded = { DATABASE_URL: undefined };

describe('a later start on the embedded database', () => {
  it('opens the database while the rest of the service is loaded', async () => {
    const dataDir = await usedFolder();
    const NODE_OPTIONS = await loadingWaitsFor(`existsSync(${JSON.stringify(socketOf(dataDir))})`);
    const service = await startService({ dataDir, env: { ...embedded, NODE_OPTIONS } });
    expect(await service.stop()).to.equal(0);
  });

  it('ends at once by a signal that comes while it is loaded, and the next start finds all in order', async () => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      const dataDir = await usedFolder();
      const child = spawnService(dataDir, { NODE_OPTIONS: await loadingWaitsFor('false') });
      const ended = once(child, 'exit');
      await until(() => existsSync(socketOf(dataDir)) || child.exitCode !== null);
      child.kill(signal);
      expect(await ended).to.deep.equal([null, signal]);
      const service = await startService({ dataDir, env: embedded });
      expect(await service.stop()).to.equal(0);
    }
  });

  it('that cannot be, says why in the sentence of any start, and leaves neither lock nor socket', async () => {
    const dataDir = await usedFolder();
    const before = (await readdir(dataDir)).concat('socket').sort();
    expect(await refusal(dataDir, { PORT: 'none' })).to.equal('PORT must be a port number from 0 to 65535.');
    expect((await readdir(dataDir)).sort()).to.deep.equal(before);
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as { port: number };
    expect(await refusal(dataDir, { PORT: String(port) })).to.match(/^Port \d+ of 127\.0\.0\.1 is in use/);
    taken.close();
    expect((await readdir(dataDir)).sort()).to.deep.equal(before);
    expect(existsSync(socketOf(dataDir))).to.equal(false);
  });

  it('in a folder that another service works in is refused after what its own settings lack', async () => {
    const { dataDir, process: holder } = await startService({ dataDir: await usedFolder(), env: embedded });
    expect(await refusal(dataDir, { PORT: 'none' })).to.equal('PORT must be a port number from 0 to 65535.');
    expect(await refusal(dataDir, {})).to.equal(
      `DATA_DIR ${dataDir} is in use by process ${holder.pid}. Stop that process, or give this one a DATA_DIR of its own.`,
    );
  });
});
