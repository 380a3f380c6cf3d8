import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { crc32 } from 'node:zlib';
import { S3Refusal } from './s3-refusal.js';

/**
 * The body of a request, unpacked and held against every hash and checksum that came with it. Throws
 * S3Refusal.
 */
export async function readVerifiedBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const raw = Buffer.concat(chunks);
  const declared = String(request.headers['x-amz-content-sha256']);
  const { body, trailers } = declared.startsWith('STREAMING-')
    ? unchunk(raw, declared)
    : { body: raw, trailers: new Map<string, string>() };
  if (/^[0-9a-f]{64}$/.test(declared) && hash('sha256', body, 'hex') !== declared) {
    throw new S3Refusal(400, 'XAmzContentSHA256Mismatch', 'the body is not what was signed');
  }
  const given = (name: string) => trailers.get(name) ?? (request.headers[name] as string | undefined);
  const length = request.headers['x-amz-decoded-content-length'];
  if (length !== undefined && Number(length) !== body.length)
    throw new S3Refusal(400, 'IncompleteBody', 'the body is cut off');
  const crc = Buffer.alloc(4);
  crc.writeUInt32BE(crc32(body));
  const sums = {
    'x-amz-checksum-crc32': crc.toString('base64'),
    'x-amz-checksum-sha256': hash('sha256', body, 'base64'),
    'x-amz-checksum-sha1': hash('sha1', body, 'base64'),
    'content-md5': hash('md5', body, 'base64'),
  };
  for (const [name, sum] of Object.entries(sums)) {
    const value = given(name);
    if (value !== undefined && value !== sum)
      throw new S3Refusal(400, 'BadDigest', `${name} does not fit the body`);
  }
  if (given('x-amz-checksum-crc32c') ?? given('x-amz-checksum-crc64nvme')) {
    throw new S3Refusal(501, 'NotImplemented', 'this checksum cannot be verified here');
  }
  return body;
}

/** aws-chunked: `size[;…]\r\n…\r\n`, ended by a chunk of no size and the trailers. */
function unchunk(raw: Buffer, declared: string): { body: Buffer; trailers: Map<string, string> } {
  if (declared !== 'STREAMING-UNSIGNED-PAYLOAD-TRAILER') throw new S3Refusal(501, 'NotImplemented', declared);
  const parts: Buffer[] = [];
  let at = 0;
  while (true) {
    const end = raw.indexOf('\r\n', at);
    const size = Number.parseInt(raw.toString('latin1', at, end), 16);
    if (end < 0 || Number.isNaN(size)) throw new S3Refusal(400, 'IncompleteBody', 'the chunks are broken');
    at = end + 2;
    if (size === 0) break;
    parts.push(raw.subarray(at, at + size));
    at += size + 2;
  }
  const lines = raw.toString('latin1', at).split('\r\n').filter(Boolean);
  const trailers = lines.map((line) => line.split(/: ?/, 2) as [string, string]);
  return {
    body: Buffer.concat(parts),
    trailers: new Map(trailers.map(([name, value]) => [name.toLowerCase(), value.trim()])),
  };
}

function hash(algorithm: string, data: Buffer, encoding: 'hex' | 'base64'): string {
  return createHash(algorithm).update(data).digest(encoding);
}
