import { Webhook } from 'standardwebhooks';

/** An event as the service posts it: CloudEvents 1.0. */
export interface WebhookEvent {
  specversion: '1.0';
  /** UUID; the same whenever the event is posted again. */
  id: string;
  /** For example `sync.completed`. */
  type: string;
  /** `/institutions/<id>`, or that and `/integrations/<id>`. */
  source: string;
  /** What it is about, below its source. */
  subject?: string;
  /** RFC 3339. */
  time: string;
  /** Its place among the events of its source: texts in the order of the events. */
  sequence: string;
  datacontenttype: 'application/json';
  data: Record<string, unknown>;
}

/** A message that was not signed with the secret, or too long ago. Its `message` tells no secret. */
export class WebhookVerificationError extends Error {
  override readonly name = 'WebhookVerificationError';
}

const HEADERS = ['webhook-id', 'webhook-timestamp', 'webhook-signature'] as const;

/**
 * The event that a webhook brings. Throws a `WebhookVerificationError` when it was signed with none of the
 * secrets, or more than five minutes ago. `body`: exactly as it came. `headers`: those of the request, in the
 * form of Node or of fetch. `secrets`: `whsec_…`; two while a secret is being rotated.
 */
export function verifyWebhook(
  body: string | Uint8Array,
  headers: Headers | Record<string, string | readonly string[] | undefined>,
  secrets: string | readonly string[],
): WebhookEvent {
  const text = typeof body === 'string' ? body : new TextDecoder().decode(body);
  const given = Object.fromEntries(HEADERS.map((name) => [name, headerOf(headers, name)]));
  let reason = 'No secret was given.';
  for (const secret of typeof secrets === 'string' ? [secrets] : secrets) {
    try {
      return webhookOf(secret).verify(text, given) as WebhookEvent;
    } catch (error) {
      reason = error instanceof Error ? error.message : String(error);
    }
  }
  throw new WebhookVerificationError(reason);
}

function webhookOf(secret: string): Webhook {
  try {
    return new Webhook(secret);
  } catch {
    throw new WebhookVerificationError('The secret is not one of a subscription: whsec_ and base64.');
  }
}

function headerOf(headers: Parameters<typeof verifyWebhook>[1], name: string): string {
  if (headers instanceof Headers) return headers.get(name) ?? '';
  const key = Object.keys(headers).find((candidate) => candidate.toLowerCase() === name);
  const value = key && headers[key];
  return typeof value === 'string' ? value : (value?.[0] ?? '');
}
