import { Integration_Status } from '../../gen/smartid/integrations/v1/integration_pb.js';
import type { IntegrationStatus } from '../integrations/index.js';
import { toIntegrationMessage, toProviderMessage } from './convert/integration-messages.js';
import { toSyncRunMessage } from './convert/sync-messages.js';
import { enumName, enumValue, json, timestamp } from './convert/to-message.js';
import type { IntegrationRpcs, RpcParts } from './rpc-types.js';

/** Integrations and what they can be: settings, connection tests, providers. */
export function integrations({
  integrationService,
  connectorFactory,
}: Pick<RpcParts, 'integrationService' | 'connectorFactory'>) {
  return {
    async createIntegration({ institutionId, provider, config, credentials, policy }, context) {
      const integration = await integrationService.createIntegration({
        institutionId,
        provider,
        config,
        credentials,
        policy,
      });
      context.responseHeader.set('Location', `/integrations/${integration.id}`);
      return { integration: toIntegrationMessage(integration) };
    },

    async getIntegration({ id }) {
      return { integration: toIntegrationMessage(await integrationService.getIntegration(id)) };
    },

    async listIntegrations({ institutionId, status, provider, pageSize, pageToken }) {
      const page = await integrationService.listIntegrations({
        institutionId: institutionId || undefined,
        status: enumName(Integration_Status, status) as IntegrationStatus | undefined,
        provider: provider || undefined,
        pageSize,
        pageToken,
      });
      return { integrations: page.items.map(toIntegrationMessage), nextPageToken: page.nextPageToken };
    },

    async updateIntegration({ id, config, credentials, status, policy }) {
      const name = status && (enumName(Integration_Status, status) as 'ACTIVE' | 'INACTIVE' | undefined);
      const integration = await integrationService.updateIntegration(id, {
        config,
        credentials,
        policy,
        status: name || undefined,
      });
      return { integration: toIntegrationMessage(integration) };
    },

    async deleteIntegration({ id }) {
      await integrationService.deleteIntegration(id);
      return {};
    },

    async testConnection({ id }) {
      const { success, message, checks } = await integrationService.testConnection(id);
      return {
        success,
        message,
        checks: checks.map(({ details, ...check }) => ({
          ...check,
          success: check.ok,
          details: details && json(details),
        })),
      };
    },

    async getSyncLogs({ id }) {
      const logs = await integrationService.getSyncLogs(id);
      return {
        ...logs,
        status: enumValue(Integration_Status, logs.status),
        mappingCount: logs.mappingsCount,
        lastSyncAt: timestamp(logs.lastSyncAt),
        runs: logs.runs.map(toSyncRunMessage),
      };
    },

    async createPushSecret({ id }) {
      const secret = await integrationService.createPushSecret(id);
      return { secret, path: `/integrations/${id}/idukay/${secret}/students` };
    },

    listProviders() {
      return { providers: connectorFactory.list().map(toProviderMessage) };
    },
  } satisfies Partial<IntegrationRpcs>;
}
