import { readFile, readlink } from 'node:fs/promises';

/**
 * What no other process has, before or after: the boot of the machine, the container (its numbering of processes), and
 * when the process started, in clock ticks since boot. Empty when there is no such process here, and where
 * /proc does not tell.
 */
export async function markOf(pid: number): Promise<string> {
  try {
    const [boot, numbering, stat] = await Promise.all([
      readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
      readlink('/proc/self/ns/pid'),
      readFile(`/proc/${pid}/stat`, 'utf8'),
    ]);
    // The name in parentheses may hold spaces; after it come the state and, as the 20th field, the start.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const isGone = fields[0] === 'Z' || fields[0] === 'X';
    return isGone || !fields[19] ? '' : `${boot.trim()} ${numbering} ${fields[19]}`;
  } catch {
    return '';
  }
}
