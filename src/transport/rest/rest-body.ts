import type { IncomingMessage } from 'node:http';
import type { JsonValue } from '@bufbuild/protobuf';
import { invalidFields } from '../../errors.js';
import {
  eachPieceOf,
  JsonBounds,
  malformed,
  type Reading,
  readWhole,
  takeTurnsAfter,
} from '../bodies/index.js';

const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i;

/**
 * The body as JSON; undefined when there is none. Throws when it passes a bound, is of another type, or not
 * JSON.
 */
export async function readJsonBody(
  request: IncomingMessage,
  reading: Reading,
): Promise<JsonValue | undefined> {
  const type = request.headers['content-type'];
  const bounds = new JsonBounds(reading.bounds);
  const body = await readWhole(eachPieceOf(request), reading, (piece) => bounds.check(piece));
  if (body.length === 0) return undefined;
  if (type !== undefined && !JSON_TYPE.test(type)) {
    throw invalidFields(
      [{ field: 'Content-Type', description: `"${type}" is not taken; send application/json` }],
      'UNSUPPORTED_MEDIA_TYPE',
    );
  }
  await takeTurnsAfter(body);
  const json = parsed(body);
  await takeTurnsAfter(body);
  return json;
}

function parsed(body: Uint8Array): JsonValue {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    throw malformed('is not JSON');
  }
}
