import { identifyCaller } from '../audit/index.js';
import type { Capabilities, ConnectorDefinition } from '../connectors/index.js';
import type { Database } from '../database/index.js';
import { ServiceError } from '../errors.js';
import { signedBy } from '../events/index.js';
import { operations } from '../observability/index.js';
import { InsertBatch, type Stored } from './insert-batch.js';
import { readBody } from './normal-form.js';
import { Recipients } from './recipients.js';
import type { Recipient, WebhookSecretStore } from './secret-store.js';

/** The headers of Standard Webhooks, as they came; null where one is missing. */
export interface WebhookHeaders {
  id: string | null;
  timestamp: string | null;
  signature: string | null;
}

/** What a sender is told once its webhook is stored. */
export interface WebhookReceipt {
  webhookId: string;
  /** Whether one of the same id was stored before: nothing more comes of this one. */
  duplicate: boolean;
}

export interface WebhookIntakeParts {
  database: Database;
  secrets: WebhookSecretStore;
  /** The connector of a provider, with its capabilities under these settings. */
  connectorOf: (
    provider: string,
    config: Record<string, unknown>,
  ) => {
    definition: ConnectorDefinition;
    capabilities: Capabilities;
  };
  /** Of more ids in one webhook the list is read. */
  mostIds: number;
  /** Called once something waits of an integration. */
  stored: (integrationId: string) => void;
}

export const MOST_BYTES = 256 * 1024;
/** How far the clock of a sender may be from ours, in seconds: what is older may be a replay. */
const WINDOW_SECONDS = 5 * 60;
const ID = /^[\x21-\x7e]{1,255}$/;
const TIMESTAMP = /^\d{1,12}$/;

/** A message whose headers are there. */
interface Message {
  id: string;
  timestamp: string;
  signature: string;
  body: Buffer;
}

/** Takes webhooks in: whoever signed one is told that it was taken once it is stored. */
export class WebhookIntake {
  readonly #recipients: Recipients;
  readonly #batch: InsertBatch;

  constructor(private readonly parts: WebhookIntakeParts) {
    this.#recipients = new Recipients(parts.secrets);
    this.#batch = new InsertBatch(parts.database);
  }

  /**
   * Stores a webhook. Throws `unauthenticated` when no secret of the integration signed it, or not within five
   * minutes; the same where there is no such integration. Throws `invalid_argument` when its body cannot be used,
   * which is stored with the reason, and `resource_exhausted` when it is too large.
   */
  async receive(integrationId: string, headers: WebhookHeaders, body: Uint8Array): Promise<WebhookReceipt> {
    const facts = { provider: 'UNKNOWN', outcome: 'refused' };
    return operations.webhook.observe(facts, async () => {
      const message = { ...requireHeaders(headers), body: Buffer.from(body) };
      if (message.body.length > MOST_BYTES) throw tooLarge();
      const found = await this.#store(integrationId, message, false);
      const stored = found.stored === 'REVOKED' ? await this.#store(integrationId, message, true) : found;
      facts.provider = stored.recipient.provider;
      facts.outcome = stored.refused === undefined ? stored.stored.toLowerCase() : 'refused';
      // It is good, and somebody deletes it, or holds it, at this moment.
      if (stored.stored === 'REVOKED') throw busy();
      if (stored.refused !== undefined)
        throw new ServiceError('invalid_argument', stored.refused, { reason: 'WEBHOOK_REFUSED' });
      if (stored.stored === 'NEW' && stored.waits) this.parts.stored(integrationId);
      return { webhookId: message.id, duplicate: stored.stored === 'DUPLICATE' };
    });
  }

  /** The secrets of an integration, or its settings, are others now. */
  forget(integrationId: string): void {
    this.#recipients.forget(integrationId);
  }

  async #store(integrationId: string, message: Message, anew: boolean): Promise<Outcome> {
    const { recipient, secretId } = await this.#requireSigner(integrationId, message, anew);
    identifyCaller({ actor: 'webhook' });
    const { definition, capabilities } = this.parts.connectorOf(recipient.provider, recipient.config);
    const read = readBody(message.body, { definition, capabilities, mostIds: this.parts.mostIds });
    const changes = read.refused === undefined ? read.changes : [];
    const waits = changes.length > 0;
    const stored = await this.#batch.store({
      integrationId,
      institutionId: recipient.institutionId,
      webhookId: message.id,
      secretId,
      body: message.body,
      changes,
      status: read.refused !== undefined ? 'REFUSED' : waits ? 'WAITING' : 'IGNORED',
      reason: read.refused ?? (waits ? null : 'It says of nobody that anything changed.'),
      sentAt: new Date(Number(message.timestamp) * 1_000),
    });
    return { recipient, stored, refused: read.refused, waits };
  }

  /** The secret that signed a message. What is known of them is looked at first. */
  async #requireSigner(
    integrationId: string,
    message: Message,
    anew: boolean,
  ): Promise<{ recipient: Recipient; secretId: string }> {
    const { recipient, isFresh } = await this.#recipients.find(integrationId, { anew });
    // An address that is none takes as long as one that is.
    const keys = recipient?.keys.length ? recipient.keys : [NOBODY];
    const place = signedBy(
      message,
      keys.map(({ key }) => key),
    );
    const signer = recipient?.keys[place];
    if (recipient && signer) return { recipient, secretId: signer.id };
    if (!isFresh) return this.#requireSigner(integrationId, message, true);
    if (recipient?.hasUnopenable) {
      throw new ServiceError(
        'unavailable',
        'A secret of this address cannot be opened now. Send it again later.',
        {
          reason: 'WEBHOOK_SECRET_UNOPENABLE',
          metadata: { retryAfterSeconds: '60' },
        },
      );
    }
    throw new ServiceError(
      'unauthenticated',
      'No secret of this address signed this message. Look whether the secret was replaced, and whether the body is signed byte by byte as it is sent.',
      { reason: 'WEBHOOK_SIGNATURE_INVALID' },
    );
  }
}

interface Outcome {
  recipient: Recipient;
  stored: Stored;
  refused: string | undefined;
  waits: boolean;
}

/** Signs nothing that anybody has. */
const NOBODY = { id: '', key: Buffer.alloc(32) };

function requireHeaders({ id, timestamp, signature }: WebhookHeaders): Omit<Message, 'body'> {
  if (!id || !timestamp || !signature) {
    throw new ServiceError(
      'unauthenticated',
      'A webhook needs the headers webhook-id, webhook-timestamp and webhook-signature of Standard Webhooks.',
      { reason: 'WEBHOOK_UNSIGNED' },
    );
  }
  if (!ID.test(id)) {
    throw new ServiceError(
      'unauthenticated',
      'The header webhook-id must be 1 to 255 visible characters of ASCII.',
      { reason: 'WEBHOOK_ID_INVALID' },
    );
  }
  const seconds = TIMESTAMP.test(timestamp) ? Number(timestamp) : Number.NaN;
  if (!(Math.abs(Date.now() / 1_000 - seconds) <= WINDOW_SECONDS)) {
    throw new ServiceError(
      'unauthenticated',
      `The header webhook-timestamp must be the time of sending in seconds since 1970, within ${WINDOW_SECONDS / 60} minutes of the clock here. Sign each attempt anew.`,
      { reason: 'WEBHOOK_TIMESTAMP_INVALID' },
    );
  }
  return { id, timestamp, signature };
}

function tooLarge(): ServiceError {
  return new ServiceError('resource_exhausted', `The body has more than ${MOST_BYTES} bytes.`, {
    reason: 'BODY_TOO_LARGE',
  });
}

function busy(): ServiceError {
  return new ServiceError('aborted', 'The secrets of this address are being changed. Send it again.', {
    reason: 'BUSY',
    metadata: { retryAfterSeconds: '5' },
  });
}
