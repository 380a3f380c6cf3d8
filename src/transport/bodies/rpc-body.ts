import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { DescMessage, Message } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { malformed, tooLarge } from './bounds.js';
import { JsonBounds } from './json-bounds.js';
import { readBinary, readJson } from './message-bounds.js';
import { type EachPiece, eachOf } from './pieces.js';
import { joined, type Reading, readWhole } from './read-body.js';
import { takeTurnsAfter } from './take-turns.js';

/** How the body of an RPC is written. */
export interface BodyForm {
  /** Messages in envelopes (gRPC, gRPC-Web, Connect's streams), or one message and nothing else. */
  isEnveloped: boolean;
  isJson: boolean;
  isGzip: boolean;
}

interface Envelope {
  message: Uint8Array;
  flags: number;
}

const ENVELOPE = 5;
const COMPRESSED = 1;
const unzip = promisify(gunzip);

const CONTENT_TYPE = /^application\/(?:(grpc|grpc-web)|(?:(grpc|grpc-web|connect)\+)?(json|proto))(?: *;|$)/i;
const ENCODING_HEADERS = ['content-encoding', 'connect-content-encoding', 'grpc-encoding'];

/** The form that the headers tell of; undefined: one that no handler takes. */
export function formOf(headers: Headers): BodyForm | undefined {
  const match = CONTENT_TYPE.exec(headers.get('content-type') ?? '');
  if (!match) return undefined;
  const [, alone, protocol = alone?.toLowerCase(), format = 'proto'] = match;
  const encoding = !protocol
    ? 'content-encoding'
    : protocol.toLowerCase() === 'connect'
      ? 'connect-content-encoding'
      : 'grpc-encoding';
  return {
    isEnveloped: protocol !== undefined,
    isJson: format.toLowerCase() === 'json',
    isGzip: headers.get(encoding) === 'gzip',
  };
}

/** Takes away what says that a body of one message is packed, or how long it is: it comes unpacked. */
export function forgetPacking(headers: Headers): void {
  for (const name of [...ENCODING_HEADERS, 'content-length']) headers.delete(name);
}

/** The body of a call whose message nobody will look at: its smallest message. */
export async function* smallestBody({ isEnveloped, isJson }: BodyForm): AsyncGenerator<Uint8Array> {
  const message = Buffer.from(isJson ? '{}' : '');
  yield isEnveloped ? enveloped(message) : message;
}

/**
 * The messages of a body, unpacked, each held against the bounds before anybody makes something of it. Throws
 * `resource_exhausted` and `invalid_argument`.
 */
export async function* checkedBody(
  desc: DescMessage,
  pieces: AsyncIterable<Uint8Array>,
  form: BodyForm,
  reading: Reading,
): AsyncGenerator<Uint8Array> {
  if (!form.isEnveloped) {
    const bytes = await onlyBytes(eachOf(pieces), form, reading);
    parse(desc, bytes, form, reading);
    await takeTurnsAfter(bytes);
    yield bytes;
    return;
  }
  for await (const { message, flags } of messagesOf(pieces, reading)) {
    const isPacked = (flags & COMPRESSED) !== 0;
    // What is packed in another way, the handler refuses.
    const plain = isPacked && form.isGzip ? await unpacked(message, reading) : message;
    if (!isPacked || form.isGzip) read(desc, plain, form, reading);
    await takeTurnsAfter(plain);
    yield enveloped(plain, form.isGzip ? flags & ~COMPRESSED : flags);
  }
}

/**
 * The message of a call that has one. Throws `resource_exhausted` and `invalid_argument`, and `unimplemented`
 * when there is none, or one more.
 */
export async function readOnly(
  desc: DescMessage,
  eachPiece: EachPiece,
  form: BodyForm,
  reading: Reading,
): Promise<Message> {
  const bytes = await (form.isEnveloped ? onlyEnvelope : onlyBytes)(eachPiece, form, reading);
  const message = parse(desc, bytes, form, reading);
  const turn = takeTurnsAfter(bytes);
  if (turn) await turn;
  return message;
}

/** What is in the one envelope of a body that has no other. Its length is judged before it has come. */
async function onlyEnvelope(eachPiece: EachPiece, form: BodyForm, reading: Reading): Promise<Uint8Array> {
  const bounds = { ...reading.bounds, bytes: reading.bounds.bytes + ENVELOPE };
  const head = Buffer.alloc(ENVELOPE);
  let size = 0;
  const whole = await readWhole(eachPiece, { ...reading, bounds }, (piece) => {
    if (size < ENVELOPE) head.set(piece.subarray(0, ENVELOPE - size), size);
    size += piece.length;
    if (size < ENVELOPE) return;
    const length = head.readUInt32BE(1);
    if (length > reading.bounds.bytes) throw tooLarge(reading.bounds.bytes);
    if (size > ENVELOPE + length)
      throw new ConnectError('The body of this call has one message, not more.', Code.Unimplemented);
  });
  if (size === 0) throw new ConnectError('The body of this call has no message.', Code.Unimplemented);
  if (size < ENVELOPE || size < ENVELOPE + head.readUInt32BE(1)) throw endsEarly();
  const message = whole.subarray(ENVELOPE);
  const isPacked = (head.readUInt8(0) & COMPRESSED) !== 0;
  if (isPacked && !form.isGzip) throw malformed('is packed in a way that its headers do not tell');
  const plain = isPacked ? await unpacked(message, reading) : message;
  if (form.isJson) new JsonBounds(reading.bounds).check(plain);
  return plain;
}

/** A body that is one message, unpacked. */
async function onlyBytes(eachPiece: EachPiece, form: BodyForm, reading: Reading): Promise<Uint8Array> {
  const json = form.isJson ? new JsonBounds(reading.bounds) : undefined;
  // Plain JSON is refused while it comes in.
  const look = json && !form.isGzip ? (piece: Uint8Array) => json.check(piece) : undefined;
  const whole = await readWhole(eachPiece, reading, look);
  const bytes = form.isGzip ? await unpacked(whole, reading) : whole;
  if (json && form.isGzip) json.check(bytes);
  const turn = takeTurnsAfter(bytes);
  if (turn) await turn;
  return bytes;
}

/** The message, of bytes whose bounds as JSON were looked at. */
function parse(desc: DescMessage, bytes: Uint8Array, { isJson }: BodyForm, { bounds }: Reading): Message {
  return isJson ? readJson(desc, bytes, bounds) : readBinary(desc, bytes, bounds);
}

function read(desc: DescMessage, message: Uint8Array, form: BodyForm, reading: Reading): Message {
  if (form.isJson) new JsonBounds(reading.bounds).check(message);
  return parse(desc, message, form, reading);
}

async function unpacked(message: Uint8Array, { bounds }: Reading): Promise<Uint8Array> {
  try {
    return await unzip(message, { maxOutputLength: bounds.bytes });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(bounds.bytes);
    throw malformed('cannot be unpacked; it is no gzip');
  }
}

/** Cuts a body into its messages. */
async function* messagesOf(
  pieces: AsyncIterable<Uint8Array>,
  { bounds, held }: Reading,
): AsyncGenerator<Envelope> {
  let kept: Uint8Array[] = [];
  let size = 0;
  let wanted = ENVELOPE;
  try {
    for await (const piece of pieces) {
      held.add(piece.length);
      kept.push(piece);
      size += piece.length;
      while (size >= wanted) {
        const bytes = joined(kept);
        const length = bytes.readUInt32BE(1);
        if (length > bounds.bytes) throw tooLarge(bounds.bytes);
        const end = ENVELOPE + length;
        kept = [bytes];
        wanted = end;
        if (size < end) break;
        yield { message: bytes.subarray(ENVELOPE, end), flags: bytes.readUInt8(0) };
        kept = [bytes.subarray(end)];
        size -= end;
        wanted = ENVELOPE;
        held.release();
        held.add(size);
      }
    }
  } finally {
    held.release();
  }
  if (size > 0) throw endsEarly();
}

function endsEarly(): Error {
  return malformed('ends in the middle of a message');
}

function enveloped(message: Uint8Array, flags = 0): Buffer {
  const envelope = Buffer.alloc(ENVELOPE);
  envelope.writeUInt8(flags, 0);
  envelope.writeUInt32BE(message.length, 1);
  return Buffer.concat([envelope, message]);
}
