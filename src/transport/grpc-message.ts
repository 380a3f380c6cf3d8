import type { UniversalServerResponse } from '@connectrpc/connect/protocol';

const HEADER = 'grpc-message';
/** The flags of the envelope in which gRPC-Web has its trailers, when they are not packed. */
const TRAILERS = 0x80;
const ENVELOPE = 5;

/**
 * An answer with its `grpc-message` encoded by the rules of gRPC. The library encodes as for an address, more
 * than a client such as grpc-js takes back: it would show `%2B` for a plus.
 */
export function withGrpcMessage(answer: UniversalServerResponse): UniversalServerResponse {
  const { body, header, trailer } = answer;
  if (!body) return answer;
  // The first byte of any other body may be this one too.
  const isWeb = header?.get('content-type')?.startsWith('application/grpc-web') ?? false;
  return { ...answer, body: rewritten(body, trailer, isWeb) };
}

async function* rewritten(body: AsyncIterable<Uint8Array>, trailer: Headers | undefined, isWeb: boolean) {
  for await (const chunk of body) yield isWeb && chunk[0] === TRAILERS ? inEnvelope(chunk) : chunk;
  // Set by now: what comes after the last message.
  const message = trailer?.get(HEADER);
  if (message) trailer?.set(HEADER, asGrpcMessage(message));
}

function inEnvelope(chunk: Uint8Array): Uint8Array {
  const text = Buffer.from(chunk.subarray(ENVELOPE)).toString();
  const lines = text.replace(
    /^(grpc-message: ?)(.*)$/im,
    (_, name: string, value: string) => name + asGrpcMessage(value),
  );
  const head = Buffer.from(chunk.subarray(0, ENVELOPE));
  head.writeUInt32BE(Buffer.byteLength(lines), 1);
  return Buffer.concat([head, Buffer.from(lines)]);
}

/** Percent signs and what is no printable ASCII are encoded, and nothing else. */
export function asGrpcMessage(encoded: string): string {
  const plain = decodeURIComponent(encoded.trimEnd());
  return plain.replace(/[^ -$&-~]+/g, encodeURIComponent);
}
