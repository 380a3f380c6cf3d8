import type { ServiceImpl } from '@connectrpc/connect';
import { Integration_Status } from '../../gen/smartid/integrations/v1/integration_pb.js';
import type { IntegrationService as IntegrationServiceSchema } from '../../gen/smartid/integrations/v1/integration_service_pb.js';
import { SyncIssue_Severity } from '../../gen/smartid/integrations/v1/sync_pb.js';
import type { ConnectorFactory } from '../connectors/index.js';
import type { IntegrationService } from '../integrations/index.js';
import type { MappingService } from '../mappings/index.js';
import {
  fromEntityType,
  requireEntityType,
  toIntegrationMessage,
  toMappingMessage,
  toProviderMessage,
  toSyncIssueMessage,
  toSyncRunMessage,
} from './integration-messages.js';
import { enumName, enumValue, json, timestamp } from './to-message.js';

export interface IntegrationRpcParts {
  integrationService: IntegrationService;
  mappingService: MappingService;
  connectorFactory: ConnectorFactory;
}

/** smartid.integrations.v1.IntegrationService on the services of the house. */
export function integrationRpc(parts: IntegrationRpcParts): ServiceImpl<typeof IntegrationServiceSchema> {
  const { integrationService, mappingService, connectorFactory } = parts;
  return {
    async createIntegration({ institutionId, provider, config, credentials }, context) {
      const integration = await integrationService.createIntegration({ institutionId, provider, config, credentials });
      context.responseHeader.set('Location', `/integrations/${integration.id}`);
      return { integration: toIntegrationMessage(integration) };
    },

    async getIntegration({ id }) {
      return { integration: toIntegrationMessage(await integrationService.getIntegration(id)) };
    },

    async listIntegrations({ institutionId, pageSize, pageToken }) {
      const page = await integrationService.listIntegrations({ institutionId: institutionId || undefined, pageSize, pageToken });
      return { integrations: page.items.map(toIntegrationMessage), nextPageToken: page.nextPageToken };
    },

    async updateIntegration({ id, config, credentials, status }) {
      const name = status && (enumName(Integration_Status, status) as 'ACTIVE' | 'INACTIVE' | undefined);
      const integration = await integrationService.updateIntegration(id, { config, credentials, status: name || undefined });
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
        checks: checks.map(({ details, ...check }) => ({ ...check, details: details && json(details) })),
      };
    },

    async syncData({ id, entityType }) {
      const report = await integrationService.syncData(id, requireEntityType(entityType));
      return { ...report, mappings: report.mappings.map(toMappingMessage) };
    },

    async sendAttendance({ id, sessionId }) {
      return integrationService.sendAttendance(id, sessionId);
    },

    async *streamMappings({ id, entityType, pageSize, pageToken }, context) {
      const type = fromEntityType(entityType);
      if (pageSize > 0) {
        const page = await mappingService.listMappings(id, { entityType: type, pageSize, pageToken });
        if (page.nextPageToken) context.responseHeader.set('next-page-token', page.nextPageToken);
        for (const mapping of page.items) yield { mapping: toMappingMessage(mapping) };
        return;
      }
      for await (const mappings of mappingService.streamMappings(id, { entityType: type, pageToken })) {
        for (const mapping of mappings) yield { mapping: toMappingMessage(mapping) };
      }
    },

    async getMappings({ id, entityType, pageSize, pageToken }) {
      const page = await mappingService.listMappings(id, { entityType: fromEntityType(entityType), pageSize, pageToken });
      return { mappings: page.items.map(toMappingMessage), nextPageToken: page.nextPageToken };
    },

    async getMapping({ id, entityType, internalId, externalId }) {
      const type = requireEntityType(entityType);
      const mapping = internalId
        ? await mappingService.getMapping(id, type, internalId)
        : await mappingService.getMappingByExternalId(id, type, externalId);
      return { mapping: toMappingMessage(mapping) };
    },

    async getSyncLogs({ id }) {
      const logs = await integrationService.getSyncLogs(id);
      return {
        ...logs,
        status: enumValue(Integration_Status, logs.status),
        lastSyncAt: timestamp(logs.lastSyncAt),
        runs: logs.runs.map(toSyncRunMessage),
      };
    },

    listProviders() {
      return { providers: connectorFactory.list().map(toProviderMessage) };
    },

    async listSyncRuns({ id, pageSize, pageToken }) {
      const page = await integrationService.listSyncRuns(id, { pageSize, pageToken });
      return { runs: page.items.map(toSyncRunMessage), nextPageToken: page.nextPageToken };
    },

    async getSyncRun({ id, runId }) {
      return { run: toSyncRunMessage(await integrationService.getSyncRun(id, runId)) };
    },

    async listSyncIssues({ id, runId, severity, pageSize, pageToken }) {
      const name = enumName(SyncIssue_Severity, severity) as 'ERROR' | 'WARNING' | undefined;
      const page = await integrationService.listSyncIssues(id, runId, { severity: name, pageSize, pageToken });
      return { issues: page.items.map(toSyncIssueMessage), nextPageToken: page.nextPageToken };
    },
  };
}
