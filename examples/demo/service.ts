import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { DemoError } from './rest.js';

export interface RunningService {
  url: string;
  pid: number;
  /** Settles when the service has ended, by itself or because it was told to. */
  ended: Promise<void>;
  stop(): Promise<void>;
}

/** The compiled entry of the service, beside the compiled demo. */
const MAIN = join(dirname(fileURLToPath(import.meta.url)), '../../src/main.js');

/** Starts the service as anybody would, and waits until it says where it listens. */
export async function startService(env: Record<string, string>): Promise<RunningService> {
  // A process group of its own: Ctrl-C in a terminal would reach it beside our SIGTERM, and a second signal
  // ends it at once.
  const child = spawn(process.execPath, [MAIN], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  const ended = once(child, 'exit').then(() => {});
  let told = false;
  const stop = () => {
    if (!told) child.kill('SIGTERM');
    told = true;
    return ended;
  };
  process.once('exit', stop);
  try {
    return { url: await readUrl(child), pid: child.pid as number, ended, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function readUrl(child: ChildProcess): Promise<string> {
  if (!child.stdout) throw new DemoError('the service has no output');
  for await (const line of createInterface({ input: child.stdout })) {
    const { url } = JSON.parse(line) as { url?: string };
    if (url) {
      child.stdout.resume();
      return url;
    }
  }
  throw new DemoError('the service ended before it listened');
}
