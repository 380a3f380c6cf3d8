import { UsageError } from './exit-codes.js';
import { printable } from './output.js';

/** Throws where a person has to agree and does not, or cannot be asked. `yes`: agreed already. */
export async function agreeTo(what: string, yes: boolean | undefined): Promise<void> {
  if (yes) return;
  if (!process.stdin.isTTY || !process.stderr.isTTY)
    throw new UsageError(`${printable(what)} Add --yes to agree: nobody can be asked here.`);
  const { confirm } = await import('@clack/prompts');
  const answer = await confirm({
    message: printable(what),
    initialValue: false,
    output: process.stderr,
  });
  if (answer !== true) throw new UsageError('Nothing was done.');
}
