import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** How secrets of Standard Webhooks begin; the rest is base64 of the key. */
const PREFIX = 'whsec_';
const KEY_BYTES = 32;
/** The scheme of a signature: HMAC with SHA-256. */
const VERSION = 'v1';
/** So many signatures of one message are looked at: one for each secret that overlaps, and some. */
const MOST_SIGNATURES = 10;

/** A new secret that both sides sign with. */
export function makeSecret(): string {
  return PREFIX + randomBytes(KEY_BYTES).toString('base64');
}

/**
 * The headers of Standard Webhooks for a message. `secrets`: the one in force, and the one before for as long
 * as receivers may still have it; each gives a signature, and one that fits is enough.
 */
export function signedHeaders(
  message: { id: string; body: string; at: Date },
  secrets: readonly string[],
): Record<string, string> {
  const timestamp = String(Math.floor(message.at.getTime() / 1_000));
  const signed = `${message.id}.${timestamp}.${message.body}`;
  const signatures = secrets.map(
    (secret) => `${VERSION},${createHmac('sha256', keyOf(secret)).update(signed).digest('base64')}`,
  );
  return {
    'webhook-id': message.id,
    'webhook-timestamp': timestamp,
    'webhook-signature': signatures.join(' '),
  };
}

/** What a message is signed with, from its secret. */
export function keyOf(secret: string): Buffer {
  return Buffer.from(secret.slice(PREFIX.length), 'base64');
}

/**
 * Which of these keys signed a message, by the headers that came with it: its place in the list, or -1. Every
 * signature is laid beside every key, in a time that tells nothing of them.
 */
export function signedBy(
  message: { id: string; timestamp: string; signature: string; body: Uint8Array },
  keys: readonly Buffer[],
): number {
  const given = message.signature
    .split(' ', MOST_SIGNATURES)
    .filter((text) => text.startsWith(`${VERSION},`))
    .map((text) => Buffer.from(text.slice(VERSION.length + 1), 'base64'));
  let found = -1;
  keys.forEach((key, place) => {
    const hmac = createHmac('sha256', key).update(`${message.id}.${message.timestamp}.`);
    const expected = hmac.update(message.body).digest();
    for (const bytes of given)
      if (bytes.length === expected.length && timingSafeEqual(bytes, expected)) found = place;
  });
  return found;
}
