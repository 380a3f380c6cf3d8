import { EXIT, UsageError } from './exit-codes.js';
import { printable } from './output.js';

/** Writes an error as sentences, without a stack; returns the exit code. `server`: whom the command asked. */
export async function report(error: unknown, server?: string): Promise<number> {
  if (error instanceof UsageError) return say(error.message, EXIT.usage);
  const { Code, ConnectError } = await import('@connectrpc/connect');
  if (!(error instanceof ConnectError)) return say((error as Error).message, EXIT.failed);
  if (!isOfService(error)) {
    // Of OpenSSL's words one part says what is wrong.
    const what = error.rawMessage.replace(/ \w+:error:\w+:[^:]*:[^:]*:([^:]+):.*/s, ', $1');
    const where = server ? ` at ${server}` : '';
    return say(`No service answers${where} (${what}). Check --server or SMARTID_SERVER.`, EXIT.unreachable);
  }
  const { BadRequestSchema } = await import('../../clients/typescript/src/node.js');
  const fields = error.findDetails(BadRequestSchema).flatMap(({ fieldViolations }) => fieldViolations);
  // The sentence of the service has them one after the other.
  if (fields.length === 0) say(error.rawMessage, EXIT.failed);
  for (const { field, description } of fields)
    say([field, description].filter(Boolean).join(': '), EXIT.failed);
  say(`Request id: ${error.metadata.get('x-request-id')}`, EXIT.failed);
  return error.code === Code.Unavailable ? EXIT.unreachable : EXIT.failed;
}

/** Whether the service said it, and not somebody on the way, or Node: each of its errors has the id of the request. */
export function isOfService({ metadata }: { metadata: Headers }): boolean {
  return metadata.has('x-request-id');
}

function say(sentence: string, code: number): number {
  process.stderr.write(`${printable(sentence)}\n`);
  return code;
}
