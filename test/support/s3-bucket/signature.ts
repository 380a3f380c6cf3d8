import { createHash, createHmac } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { S3Refusal } from './s3-refusal.js';

export interface KeyPair {
  accessKey: string;
  secretKey: string;
}

const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/;
const MOST_SKEW_MS = 15 * 60_000;

const sha256 = (data: string | Buffer) => createHash('sha256').update(data).digest('hex');
const hmac = (key: string | Buffer, data: string) => createHmac('sha256', key).update(data).digest();

/** Verifies the AWS Signature V4 of a request, as S3 does. Throws S3Refusal. */
export function verifySignature(request: IncomingMessage, { accessKey, secretKey }: KeyPair): void {
  const [, key, day, region, signed, signature] =
    AUTHORIZATION.exec(request.headers.authorization ?? '') ?? [];
  if (!key || !day || !region || !signed || !signature)
    throw new S3Refusal(403, 'AccessDenied', 'the request is not signed');
  if (key !== accessKey) throw new S3Refusal(403, 'InvalidAccessKeyId', 'the access key does not exist');
  const date = String(request.headers['x-amz-date']);
  const time = Date.parse(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
  if (!(Math.abs(Date.now() - time) < MOST_SKEW_MS))
    throw new S3Refusal(403, 'RequestTimeTooSkewed', 'the clocks differ');
  const names = signed.split(';');
  if (!names.includes('host')) throw new S3Refusal(403, 'AccessDenied', 'the host is not signed');
  const canonical = [
    request.method,
    (request.url ?? '/').split('?', 1)[0],
    canonicalQuery(request.url ?? ''),
    ...names.map(
      (name) =>
        `${name}:${String(request.headers[name] ?? '')
          .trim()
          .replace(/ +/g, ' ')}`,
    ),
    '',
    signed,
    request.headers['x-amz-content-sha256'],
  ].join('\n');
  const scope = `${day}/${region}/s3/aws4_request`;
  const dayKey = hmac(`AWS4${secretKey}`, day);
  const signingKey = hmac(hmac(hmac(dayKey, region), 's3'), 'aws4_request');
  const expected = hmac(signingKey, ['AWS4-HMAC-SHA256', date, scope, sha256(canonical)].join('\n')).toString(
    'hex',
  );
  if (expected !== signature) throw new S3Refusal(403, 'SignatureDoesNotMatch', 'the signature is another');
}

function canonicalQuery(url: string): string {
  const encode = (text: string) =>
    encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  const query = new URLSearchParams(url.split('?')[1] ?? '');
  return [...query]
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .sort()
    .join('&');
}
