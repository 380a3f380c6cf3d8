import { readFile } from 'node:fs/promises';

const EVERY_MS = 20;

/** How much more memory a process held at most while something was done than before, in MB. Linux only. */
export async function growthOf<T>(
  pid: number,
  work: () => Promise<T>,
): Promise<{ result: T; grown: number }> {
  const before = await residentOf(pid);
  let most = before;
  const timer = setInterval(() => {
    void residentOf(pid).then((now) => {
      most = Math.max(most, now);
    });
  }, EVERY_MS);
  try {
    const result = await work();
    return { result, grown: Math.max(0, Math.round(most - before)) };
  } finally {
    clearInterval(timer);
  }
}

async function residentOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1_024;
}
