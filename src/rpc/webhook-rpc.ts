import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import { MappingEntityType } from '../../gen/smartid/integrations/v1/mapping_pb.js';
import {
  ReceivedWebhook_Kind,
  ReceivedWebhook_Status,
  type ReceivedWebhookSchema,
  type WebhookSecretSchema,
} from '../../gen/smartid/integrations/v1/webhook_pb.js';
import type { WebhookReceiverService } from '../../gen/smartid/integrations/v1/webhook_receiver_service_pb.js';
import type { WebhookService } from '../../gen/smartid/integrations/v1/webhook_service_pb.js';
import type { ReceivedKind, ReceivedStatus, ReceivedWebhook, WebhookSecret } from '../webhooks/index.js';
import { enumName, enumValue, optional, timestamp } from './convert/to-message.js';
import type { RpcParts } from './rpc-types.js';

type Parts = Pick<RpcParts, 'webhookService'>;

/** smartid.integrations.v1.WebhookService on the webhooks. */
export function webhookRpc({ webhookService }: Parts): ServiceImpl<typeof WebhookService> {
  return {
    async createWebhookSecret({ id }, context) {
      const { webhookSecret, secret } = await webhookService.createWebhookSecret(id);
      context.responseHeader.set('Location', `/integrations/${id}/webhook-secrets/${webhookSecret.id}`);
      return { webhookSecret: toSecretMessage(webhookSecret), secret };
    },

    async rotateWebhookSecret({ id, overlapSeconds }) {
      const { webhookSecret, secret } = await webhookService.rotateWebhookSecret(id, overlapSeconds);
      return { webhookSecret: toSecretMessage(webhookSecret), secret };
    },

    async listWebhookSecrets({ id }) {
      return { webhookSecrets: (await webhookService.listWebhookSecrets(id)).map(toSecretMessage) };
    },

    async deleteWebhookSecret({ id, secretId }) {
      await webhookService.deleteWebhookSecret(id, secretId);
      return {};
    },

    async listReceivedWebhooks({ id, status, kind, runId, pageSize, pageToken }) {
      const page = await webhookService.listReceivedWebhooks(id, {
        status: enumName(ReceivedWebhook_Status, status) as ReceivedStatus | undefined,
        kind: enumName(ReceivedWebhook_Kind, kind) as ReceivedKind | undefined,
        runId: runId || undefined,
        pageSize,
        pageToken,
      });
      return { webhooks: page.items.map(toReceivedMessage), nextPageToken: page.nextPageToken };
    },

    async getReceivedWebhook({ id, webhookId }) {
      const { body, ...webhook } = await webhookService.getReceivedWebhook(id, webhookId);
      return { webhook: toReceivedMessage(webhook), body: body.toString('utf8') };
    },
  };
}

/** smartid.integrations.v1.WebhookReceiverService: needs no bearer token, but a signature. */
export function webhookReceiverRpc({ webhookService }: Parts): ServiceImpl<typeof WebhookReceiverService> {
  return {
    receiveWebhook({ id, body }, { requestHeader: headers }) {
      return webhookService.receiveWebhook(
        id,
        {
          id: headers.get('webhook-id'),
          timestamp: headers.get('webhook-timestamp'),
          signature: headers.get('webhook-signature'),
        },
        body?.data ?? new Uint8Array(),
      );
    },
  };
}

function toSecretMessage(secret: WebhookSecret): MessageInitShape<typeof WebhookSecretSchema> {
  const { integrationId, id, createdAt, expiresAt } = secret;
  return { integrationId, id, createdAt: timestamp(createdAt), expiresAt: timestamp(expiresAt) };
}

function toReceivedMessage(webhook: ReceivedWebhook): MessageInitShape<typeof ReceivedWebhookSchema> {
  const { integrationId, webhookId, kind, changes, status, reason, runIds, attempts } = webhook;
  return {
    integrationId,
    webhookId,
    kind: enumValue(ReceivedWebhook_Kind, kind),
    changes: changes.map(({ entityType, externalIds = [] }) => ({
      entityType: enumValue(MappingEntityType, entityType),
      externalIds,
    })),
    status: enumValue(ReceivedWebhook_Status, status),
    reason: optional(reason),
    runIds,
    attempts,
    sentAt: timestamp(webhook.sentAt),
    receivedAt: timestamp(webhook.receivedAt),
  };
}
