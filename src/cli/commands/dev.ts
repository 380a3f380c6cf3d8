import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { createIntegrationsClient, MappingEntityType } from '../../../clients/typescript/src/node.js';
import { EXIT, UsageError } from '../exit-codes.js';
import { printLine, remark } from '../output.js';

const MAIN = fileURLToPath(new URL('../../main.js', import.meta.url));
const GUARD = new URL('../end-with-parent.js', import.meta.url).href;
/** What a program needs of the shell. */
const KEPT = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'TZ', 'SystemRoot'];
const SAMPLE = fileURLToPath(new URL('../../../../examples/colegio-san-martin', import.meta.url));
const INSTITUTION = '7a3c1f0e-52b4-4c8e-9d0a-0f6f3c1f2b11';

/** Starts the service on an embedded database with a sample school that is synced; ends with it, by Ctrl-C. */
export async function dev(options: { data: string; port: string; open: boolean }): Promise<number> {
  const dataDir = resolve(options.data);
  const child = spawn(process.execPath, ['--import', GUARD, MAIN], {
    // Nothing else of this shell: its service is another, with other keys and receivers.
    env: {
      ...Object.fromEntries(KEPT.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : []))),
      NODE_ENV: 'development',
      DATA_DIR: dataDir,
      PORT: options.port,
    },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    // Ctrl-C would reach it beside our signal, and a second one ends it at once.
    detached: true,
  });
  const ended = once(child, 'exit');
  let isEnding = false;
  const stop = () => {
    isEnding = true;
    child.kill('SIGTERM');
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, stop);
  process.once('exit', stop);
  try {
    await show(child, dataDir, options);
  } catch (error) {
    const wasEnding = isEnding;
    stop();
    await ended;
    if (!wasEnding) throw error;
  }
  await ended;
  return isEnding || child.exitCode === 0 ? EXIT.done : EXIT.failed;
}

async function show(child: ChildProcess, dataDir: string, options: { open: boolean }): Promise<void> {
  const url = await urlOf(child);
  const token = (await readFile(join(dataDir, 'admin-token'), 'utf8')).trim();
  await sampleSchool(url, token, join(dataDir, 'files'));
  printLine(`Console:  ${url}/`);
  printLine(`Token:    ${token}`);
  printLine('Ctrl-C ends it.');
  if (options.open) openInBrowser(url);
}

/** Where the service listens. Throws its own sentence where it does not start. */
async function urlOf(child: ChildProcess): Promise<string> {
  let said = '';
  child.stderr?.on('data', (chunk) => {
    said += chunk;
  });
  if (child.stdout)
    for await (const line of createInterface({ input: child.stdout })) {
      const { url } = JSON.parse(line) as { url?: string };
      if (!url) continue;
      child.stdout.resume();
      return url;
    }
  throw new UsageError(said.trim() || 'The service ended before it listened.');
}

async function sampleSchool(baseUrl: string, token: string, files: string): Promise<void> {
  const api = createIntegrationsClient({ baseUrl, token });
  const { integrations } = await api.listIntegrations({ institutionId: INSTITUTION, pageSize: 1 });
  if (integrations.length > 0) return;
  remark('Connecting Colegio San Martín, a sample school …');
  await mkdir(files, { recursive: true });
  await cp(SAMPLE, join(files, 'colegio-san-martin'), { recursive: true });
  const { integration } = await api.createIntegration({
    institutionId: INSTITUTION,
    provider: 'GENERIC_CSV',
    config: { importPath: 'colegio-san-martin', exportPath: 'colegio-san-martin/attendance' },
    credentials: {},
  });
  const { synced, errorCount } = await api.syncData({
    id: integration?.id ?? '',
    entityType: MappingEntityType.ALL,
  });
  remark(`${synced} people, courses and groups came in; ${errorCount} rows were not right, as in life.`);
}

function openInBrowser(url: string): void {
  const [command = '', ...args] =
    process.platform === 'darwin'
      ? ['open']
      : process.platform === 'win32'
        ? ['cmd', '/c', 'start', '']
        : ['xdg-open'];
  const child = spawn(command, [...args, url], { stdio: 'ignore', detached: true });
  // Where there is no browser, the address has been printed.
  child.on('error', () => {});
  child.unref();
}
