import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { packageRoot } from '../examples/package-root.js';

/** Clock ticks of /proc are a hundredth of a second on Linux. */
const TICK_MS = 10;

const { values: options } = parseArgs({
  options: {
    repeat: { type: 'string', default: '7' },
    /** The folder of another version that is built, to take turns with. */
    against: { type: 'string', multiple: true, default: [] },
    /** Each start in a new data directory. */
    first: { type: 'boolean', default: false },
  },
});

interface Start {
  /** From the spawn to the line that tells that it listens, in milliseconds. */
  ms: number;
  /** Processor time of all its threads until then. Undefined where there is no /proc. */
  cpu: number | undefined;
}

async function start(root: string, dataDir: string): Promise<Start> {
  const began = performance.now();
  const child = spawn(process.execPath, [join(root, 'dist/src/main.js')], {
    env: { PATH: process.env.PATH, DATA_DIR: dataDir, PORT: '0', ADMIN_TOKEN: 'bench'.repeat(10) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let url: string | undefined;
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.includes('"url"')) ({ url } = JSON.parse(line) as { url: string });
    if (url) break;
  }
  const taken = { ms: performance.now() - began, cpu: cpuOf(child) };
  // Earlier versions say that they listen before they heed signals.
  await (await fetch(`${url}/readyz`)).text();
  const ended = once(child, 'exit');
  child.kill();
  const [code] = await ended;
  if (code !== 0) throw new Error(`the service of ${root} ended with ${code}`);
  return taken;
}

function cpuOf({ pid }: ChildProcess): number | undefined {
  if (process.platform !== 'linux') return undefined;
  const [, fields = ''] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ');
  const [user, system] = fields.split(' ').slice(11, 13).map(Number);
  return ((user ?? 0) + (system ?? 0)) * TICK_MS;
}

const folder = () => mkdtemp(join(tmpdir(), 'smartid-bench-'));
const remove = (path: string) => rm(path, { recursive: true, force: true });

const versions = await Promise.all(
  [packageRoot, ...options.against.map((path) => resolve(path))].map(async (root) => {
    return { root, home: await folder(), starts: [] as Start[] };
  }),
);
try {
  if (!options.first) for (const { root, home } of versions) await start(root, home);
  for (let nth = 0; nth < Number(options.repeat); nth++) {
    for (const { root, home, starts } of versions) {
      const dataDir = options.first ? await folder() : home;
      starts.push(await start(root, dataDir));
      if (options.first) await remove(dataDir);
    }
  }
  for (const { root, starts } of versions) {
    const [ms, cpu] = [told(starts.map(({ ms }) => ms)), told(starts.map(({ cpu }) => cpu ?? Number.NaN))];
    console.log(
      `${root === packageRoot ? 'this version' : root}: ${ms} until it listens, ${cpu} of the processor`,
    );
  }
} finally {
  for (const { home } of versions) await remove(home);
}

function told(figures: number[]): string {
  const sorted = figures.sort((a, b) => a - b);
  const [least = 0, median = 0] = [sorted[0], sorted[sorted.length >> 1]];
  return `median ${median.toFixed(0)} ms (least ${least.toFixed(0)})`;
}
