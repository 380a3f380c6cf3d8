import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { atExit } from './at-exit.js';
import { atFileEnd } from './at-file-end.js';
import { DATABASE_POOL_SIZE, freshDatabaseUrl } from './database.js';
import { layEmbeddedDatabase } from './embedded-template.js';
import { tempFolder } from './temp-folder.js';

export const TOKEN = 'test-token-test-token-test-token-test';
const MAIN = join(dirname(fileURLToPath(import.meta.url)), '../../src/main.js');

export interface TestService {
  url: string;
  dataDir: string;
  /** CSV_ROOT. */
  files: string;
  process: ChildProcess;
  /** Lines of the log so far. */
  log: string[];
  /** Sends a signal and waits for the end; returns the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

const running = new Set<TestService>();

interface StartOptions {
  dataDir?: string;
  env?: Record<string, string | undefined>;
  main?: string;
}

/**
 * The built service as a process of its own, until its file ends; on TEST_DATABASE_URL where there is one, else
 * embedded.
 */
export async function startService(options: StartOptions = {}): Promise<TestService> {
  const service = await start(options);
  atFileEnd(() => service.stop('SIGKILL'));
  return service;
}

async function start(options: StartOptions = {}): Promise<TestService> {
  const dataDir = options.dataDir ?? (await tempFolder());
  const databaseUrl = options.env && 'DATABASE_URL' in options.env ? undefined : await freshDatabaseUrl();
  if (!options.dataDir && !databaseUrl) await layEmbeddedDatabase(dataDir);
  const env = {
    ...process.env,
    NODE_ENV: 'development',
    DATA_DIR: dataDir,
    DATABASE_URL: databaseUrl,
    DATABASE_POOL_SIZE,
    ADMIN_TOKEN: TOKEN,
    PORT: '0',
    ...options.env,
  };
  const child = spawn(process.execPath, [options.main ?? MAIN], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const log: string[] = [];
  child.stderr.on('data', (chunk) => log.push(String(chunk)));
  const url = await new Promise<string>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the service ended with ${code}:\n${log.join('\n')}`)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      log.push(line);
      if (line.includes('"url"')) resolve((JSON.parse(line) as { url: string }).url);
    });
  });
  const service: TestService = {
    url,
    dataDir,
    files: join(dataDir, 'files'),
    process: child,
    log,
    async stop(signal = 'SIGTERM') {
      running.delete(service);
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
      const gone = once(child, 'exit');
      child.kill(signal);
      const [code] = (await gone) as [number | null];
      return code;
    },
  };
  running.add(service);
  return service;
}

atExit(() => {
  for (const service of running) service.process.kill('SIGKILL');
});

let shared: Promise<TestService> | undefined;

/** One service for the tests that do not stop it. */
export function sharedService(): Promise<TestService> {
  shared ??= start();
  return shared;
}

/** Calls a REST path; the body is parsed. */
export async function rest(
  url: string,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
) {
  const response = await fetch(url + path, {
    method,
    headers: {
      Authorization: `Bearer ${TOKEN}`,
      ...(body !== undefined && { 'Content-Type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: text === '' ? undefined : JSON.parse(text),
  };
}
