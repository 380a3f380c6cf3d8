import type { IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

/** Smaller messages take longer to pack than to send. */
const WORTH_IT = 8 * 1024;
const LOOPBACK = /^(127\.|::1$|::ffff:127\.)/;
const pack = promisify(gzip);

/** Whether answers to a request may be packed by gzip: its caller takes it, and is on another machine. */
export function takesGzip(request: IncomingMessage, header: string): boolean {
  const accepted = request.headers[header];
  if (typeof accepted !== 'string' || !/(^|[\s,])gzip\s*($|[,;])/.test(accepted)) return false;
  return !LOOPBACK.test(request.socket.remoteAddress ?? '');
}

/** A message packed; undefined when that is not worth it. */
export async function packed(message: string | Uint8Array): Promise<Buffer | undefined> {
  return message.length < WORTH_IT ? undefined : pack(message);
}
