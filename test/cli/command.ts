import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { atExit } from '../support/at-exit.js';
import { rest, sharedService, TOKEN } from '../support/service.js';
import { tempFolder } from '../support/temp-folder.js';

export const MAIN = join(dirname(fileURLToPath(import.meta.url)), '../../src/cli/main.js');

/** The environment of a user at the shared service, with a home of her own. */
export async function userOf(url: string): Promise<NodeJS.ProcessEnv> {
  return { PATH: process.env.PATH, HOME: await tempFolder(), SMARTID_SERVER: url, SMARTID_TOKEN: TOKEN };
}

export interface Outcome {
  out: string;
  err: string;
  code: number | null;
}

/** Runs `smartid` to its end; `input`: what standard input holds. */
export function run(args: string[], env: NodeJS.ProcessEnv, input = ''): Promise<Outcome> {
  const { child, ended } = start(args, env);
  child.stdin?.end(input);
  return ended;
}

const running = new Set<ChildProcess>();
// By this signal `smartid dev` ends its service too.
atExit(() => {
  for (const child of running) child.kill('SIGTERM');
});

/** Starts `smartid`; `shown` is what it has written so far. */
export function start(args: string[], env: NodeJS.ProcessEnv) {
  const child = spawn(process.execPath, [MAIN, ...args], { env, stdio: ['pipe', 'pipe', 'pipe'] });
  const shown = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    shown.out += chunk;
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    shown.err += chunk;
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  const ended = new Promise<Outcome>((resolve) => child.once('close', (code) => resolve({ ...shown, code })));
  return { child, shown, ended };
}

/** A school of these files at the shared service, and a user who may all. */
export async function school(csv: Record<string, string>) {
  const { url, files } = await sharedService();
  const folder = randomUUID();
  const institutionId = randomUUID();
  const write = async (more: Record<string, string>) => {
    await mkdir(join(files, folder), { recursive: true });
    for (const [name, content] of Object.entries(more)) await writeFile(join(files, folder, name), content);
  };
  await write(csv);
  const config = { importPath: folder, exportPath: folder };
  const made = await rest(url, 'POST', '/integrations', {
    institutionId,
    provider: 'GENERIC_CSV',
    config,
    credentials: {},
  });
  const env = await userOf(url);
  const smartid = (...args: string[]) => run(args, env);
  const json = async (...args: string[]) => JSON.parse((await smartid(...args, '--json')).out);
  return { id: made.body.id as string, institutionId, folder, url, env, write, smartid, json };
}

export const students = (...names: string[]) =>
  `id,first_name,last_name\n${names.map((name, nth) => `S${nth + 1},${name},Paz\n`).join('')}`;

/** Whether commands can be run on a terminal here: `script` of util-linux makes one. */
export function hasTerminal(): boolean {
  try {
    return execFileSync('script', ['--version'], { encoding: 'utf8' }).includes('util-linux');
  } catch {
    return false;
  }
}

/**
 * Runs `smartid` on a terminal of so many columns, which shows standard error too. `answers`: what is typed once
 * a text has appeared, one after the other.
 */
export async function runOnTerminal(
  args: string[],
  env: NodeJS.ProcessEnv,
  { columns = 80, answers = [] }: { columns?: number; answers?: [seen: string, typed: string][] } = {},
): Promise<{ shown: string; code: number | null }> {
  const quoted = [process.execPath, MAIN, ...args]
    .map((word) => `'${word.replaceAll("'", "'\\''")}'`)
    .join(' ');
  const command = `stty cols ${columns} rows 40; exec ${quoted}`;
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    env: { TERM: 'xterm', SHELL: '/bin/sh', ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const left = [...answers];
  let shown = '';
  let since = 0;
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    shown += chunk;
    const [next] = left;
    if (!next || !shown.slice(since).includes(next[0])) return;
    left.shift();
    since = shown.length;
    child.stdin.write(next[1]);
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { shown, code };
}
