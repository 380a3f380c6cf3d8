import type { Page, PageRequest } from '../paging.js';
import { requireStorable } from '../require-storable.js';
import type { WebhookHeaders, WebhookIntake, WebhookReceipt } from './intake.js';
import type { ReceivedFilter, ReceivedStore } from './received-store.js';
import type { WebhookSecretStore } from './secret-store.js';
import type { ReceivedWebhook, WebhookSecret } from './webhook.js';

/** A secret with what webhooks are signed with: shown once. */
export interface NewWebhookSecret {
  webhookSecret: WebhookSecret;
  /** `whsec_` and base64, as libraries of Standard Webhooks take it. */
  secret: string;
}

/** Webhooks of schools' systems: what they are signed with, and what became of them. */
export class WebhookService {
  constructor(
    private readonly parts: { secrets: WebhookSecretStore; received: ReceivedStore; intake: WebhookIntake },
  ) {}

  /**
   * Makes a secret that webhooks to an integration are signed with, beside those there are. Throws `not_found`, and
   * `failed_precondition` when there are five.
   */
  async createWebhookSecret(integrationId: string): Promise<NewWebhookSecret> {
    const made = await this.parts.secrets.create(integrationId);
    this.parts.intake.forget(integrationId);
    return made;
  }

  /** Makes a secret in place of those there are, which are good for `overlapSeconds` more. Throws `not_found`. */
  async rotateWebhookSecret(integrationId: string, overlapSeconds = DAY_SECONDS): Promise<NewWebhookSecret> {
    const made = await this.parts.secrets.rotate(integrationId, overlapSeconds);
    this.parts.intake.forget(integrationId);
    return made;
  }

  /** The secrets that are good, the newest first. Throws `not_found`. */
  listWebhookSecrets(integrationId: string): Promise<WebhookSecret[]> {
    return this.parts.secrets.list(integrationId);
  }

  /** Nothing is taken any more that it signs. Throws `not_found`. */
  async deleteWebhookSecret(integrationId: string, id: string): Promise<void> {
    await this.parts.secrets.delete(integrationId, id);
    this.parts.intake.forget(integrationId);
  }

  /** Takes a webhook in: it is stored when this ends. See `WebhookIntake.receive` for what it throws. */
  receiveWebhook(integrationId: string, headers: WebhookHeaders, body: Uint8Array): Promise<WebhookReceipt> {
    return this.parts.intake.receive(integrationId, headers, body);
  }

  /** What an integration received, webhooks and pushes, the newest first. Throws `not_found`. */
  async listReceivedWebhooks(
    integrationId: string,
    request: PageRequest & ReceivedFilter = {},
  ): Promise<Page<ReceivedWebhook>> {
    requireStorable(request);
    await this.parts.secrets.requireIntegration(integrationId);
    return this.parts.received.list(integrationId, request);
  }

  /** One of them, with its body as it came. Throws `not_found`. */
  async getReceivedWebhook(
    integrationId: string,
    webhookId: string,
  ): Promise<ReceivedWebhook & { body: Buffer }> {
    requireStorable({ webhookId });
    await this.parts.secrets.requireIntegration(integrationId);
    return this.parts.received.get(integrationId, webhookId);
  }
}

const DAY_SECONDS = 24 * 60 * 60;
