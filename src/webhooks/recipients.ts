import type { Recipient, WebhookSecretStore } from './secret-store.js';

/** How long it is believed whom an address belongs to, in milliseconds. Secrets are looked at again with each row. */
const BELIEVED_MS = 10_000;
const MOST_KNOWN = 1_000;

/** Whom webhooks are for, asked of the database once for many that come one after the other. */
export class Recipients {
  readonly #known = new Map<string, { recipient: Recipient; at: number }>();

  constructor(private readonly secrets: WebhookSecretStore) {}

  /** Undefined when there is no such integration. `anew`: what was known is not believed. */
  async find(
    integrationId: string,
    { anew = false } = {},
  ): Promise<{ recipient?: Recipient; isFresh: boolean }> {
    const known = this.#known.get(integrationId);
    if (known && !anew && performance.now() - known.at < BELIEVED_MS)
      return { recipient: known.recipient, isFresh: false };
    this.#known.delete(integrationId);
    const recipient = await this.secrets.recipient(integrationId);
    if (!recipient) return { isFresh: true };
    this.#known.set(integrationId, { recipient, at: performance.now() });
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= MOST_KNOWN) break;
      this.#known.delete(oldest);
    }
    return { recipient, isFresh: true };
  }

  /** Its secrets, or its settings, are others now. */
  forget(integrationId: string): void {
    this.#known.delete(integrationId);
  }
}
