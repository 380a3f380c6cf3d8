import { createHmac, randomBytes } from 'node:crypto';

/** How secrets of Standard Webhooks begin; the rest is base64 of the key. */
const PREFIX = 'whsec_';
const KEY_BYTES = 32;

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
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.slice(PREFIX.length), 'base64');
    return `v1,${createHmac('sha256', key).update(signed).digest('base64')}`;
  });
  return {
    'webhook-id': message.id,
    'webhook-timestamp': timestamp,
    'webhook-signature': signatures.join(' '),
  };
}
