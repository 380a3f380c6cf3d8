import { EXIT, UsageError } from './exit-codes.js';
import { printable } from './output.js';

/** Writes an error as sentences, without a stack; returns the exit code. */
export async function report(error: unknown): Promise<number> {
  if (error instanceof UsageError) return say(error.message, EXIT.usage);
  const { Code, ConnectError } = await import('@connectrpc/connect');
  if (!(error instanceof ConnectError)) return say((error as Error).message, EXIT.failed);
  // Node's own words, such as "connect ECONNREFUSED", say not what to do.
  if (error.code === Code.Unavailable && !error.metadata.has('x-request-id'))
    return say(
      `No service answers (${error.rawMessage}). Check --server or SMARTID_SERVER.`,
      EXIT.unreachable,
    );
  say(error.rawMessage, EXIT.failed);
  const { BadRequestSchema } = await import('../../clients/typescript/src/node.js');
  for (const { fieldViolations } of error.findDetails(BadRequestSchema))
    for (const { field, description } of fieldViolations) say(`  ${field}: ${description}`, EXIT.failed);
  const id = error.metadata.get('x-request-id');
  if (id) say(`Request id: ${id}`, EXIT.failed);
  return error.code === Code.Unavailable ? EXIT.unreachable : EXIT.failed;
}

function say(sentence: string, code: number): number {
  process.stderr.write(`${printable(sentence)}\n`);
  return code;
}
