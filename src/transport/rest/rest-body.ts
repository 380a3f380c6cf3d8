import type { IncomingMessage } from 'node:http';
import type { JsonValue } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { invalidFields } from '../../errors.js';

const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i;

/**
 * The body as JSON; undefined when there is none. Throws when it is too large, of another type, or not JSON.
 */
export async function readJsonBody(
  request: IncomingMessage,
  maxBytes: number,
): Promise<JsonValue | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    // The rest is still read, and dropped: a caller who is writing would not see the answer otherwise.
    if (size <= maxBytes) chunks.push(chunk);
  }
  if (size > maxBytes)
    throw new ConnectError(`The body has more than ${maxBytes} bytes.`, Code.ResourceExhausted);
  if (size === 0) return undefined;
  const type = request.headers['content-type'];
  if (type !== undefined && !JSON_TYPE.test(type)) {
    throw invalidFields(
      [{ field: 'Content-Type', description: `"${type}" is not taken; send application/json` }],
      'UNSUPPORTED_MEDIA_TYPE',
    );
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks)));
  } catch {
    throw invalidFields([{ field: 'body', description: 'is not JSON' }], 'MALFORMED_REQUEST');
  }
}
