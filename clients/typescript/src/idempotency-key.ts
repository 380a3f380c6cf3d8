import { MethodOptions_IdempotencyLevel as Idempotency } from '@bufbuild/protobuf/wkt';
import type { Interceptor, UnaryRequest } from '@connectrpc/connect';

const HEADER = 'Idempotency-Key';

/** Gives each call that changes something, and that repeated would do so twice, a key of its own. */
export const idempotencyKey: Interceptor = (next) => (request) => {
  const isUnsafe = request.method.idempotency === Idempotency.IDEMPOTENCY_UNKNOWN;
  // getRandomValues is in pages without TLS too, where randomUUID is not.
  if (isUnsafe && !request.stream && !request.header.has(HEADER)) request.header.set(HEADER, randomKey());
  return next(request);
};

export function hasKey({ header }: Pick<UnaryRequest, 'header'>): boolean {
  return header.has(HEADER);
}

function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
