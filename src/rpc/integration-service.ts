import { timestampDate } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import { Delivery_Status } from '../../gen/smartid/integrations/v1/delivery_pb.js';
import { Integration_Status } from '../../gen/smartid/integrations/v1/integration_pb.js';
import type { IntegrationService as IntegrationServiceSchema } from '../../gen/smartid/integrations/v1/integration_service_pb.js';
import {
  SyncChange_Action,
  SyncChange_Outcome,
  SyncConflict_Resolution,
  SyncIssue_Severity,
} from '../../gen/smartid/integrations/v1/sync_pb.js';
import type { ConnectorFactory } from '../connectors/index.js';
import type { DeliveryStatus, IntegrationService } from '../integrations/index.js';
import type { MappingService } from '../mappings/index.js';
import type { ConflictResolution, SyncChangeAction } from '../sync/index.js';
import { attachment } from './attachment.js';
import {
  fromEntityType,
  requireEntityType,
  toDeliveryMessage,
  toIntegrationMessage,
  toMappingMessage,
  toProviderMessage,
} from './integration-messages.js';
import {
  fromGuard,
  toHistoryEntryMessage,
  toSyncChangeMessage,
  toSyncConflictMessage,
  toSyncDataMessage,
  toSyncIssueMessage,
  toSyncPartMessage,
  toSyncRunMessage,
} from './sync-messages.js';
import { enumName, enumValue, json, timestamp } from './to-message.js';

export interface IntegrationRpcParts {
  integrationService: IntegrationService;
  mappingService: MappingService;
  connectorFactory: ConnectorFactory;
}

/** smartid.integrations.v1.IntegrationService on the services of the product. */
export function integrationRpc(parts: IntegrationRpcParts): ServiceImpl<typeof IntegrationServiceSchema> {
  const { integrationService, mappingService, connectorFactory } = parts;
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

    async listIntegrations({ institutionId, pageSize, pageToken }) {
      const page = await integrationService.listIntegrations({
        institutionId: institutionId || undefined,
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
        checks: checks.map(({ details, ...check }) => ({ ...check, details: details && json(details) })),
      };
    },

    async syncData({ id, entityType, guard }) {
      return toSyncDataMessage(
        await integrationService.syncData(id, fromEntityType(entityType), { guard: fromGuard(guard) }),
      );
    },

    async previewSync({ id, entityType }) {
      const { run, errors, parts } = await integrationService.previewSync(id, fromEntityType(entityType));
      return { run: toSyncRunMessage(run), errors, parts: parts.map(toSyncPartMessage) };
    },

    async approveSync({ id, runId, reason }) {
      const { success, run, parts } = await integrationService.approveSync(id, runId, reason);
      return { success, run: toSyncRunMessage(run), parts: parts.map(toSyncPartMessage) };
    },

    async discardSync({ id, runId, reason }) {
      return { run: toSyncRunMessage(await integrationService.discardSync(id, runId, reason)) };
    },

    async rollbackSync({ id, runId, preview }) {
      const { run, parts } = await integrationService.rollbackSync(id, runId, { preview });
      return { run: toSyncRunMessage(run), parts: parts.map(toSyncPartMessage) };
    },

    async listSyncChanges({ id, runId, action, outcome, pageSize, pageToken }) {
      const page = await integrationService.listSyncChanges(id, runId, {
        action: enumName(SyncChange_Action, action) as SyncChangeAction | undefined,
        outcome: enumName(SyncChange_Outcome, outcome) as 'MOVED' | 'REFUSED' | undefined,
        pageSize,
        pageToken,
      });
      return { changes: page.items.map(toSyncChangeMessage), nextPageToken: page.nextPageToken };
    },

    async listConflicts({ id, resolved, pageSize, pageToken }) {
      const page = await integrationService.listConflicts(id, { resolved, pageSize, pageToken });
      return { conflicts: page.items.map(toSyncConflictMessage), nextPageToken: page.nextPageToken };
    },

    async resolveConflict({ id, conflictId, resolution, internalId }) {
      const name = enumName(SyncConflict_Resolution, resolution) as ConflictResolution;
      const conflict = await integrationService.resolveConflict(
        id,
        conflictId,
        name,
        internalId || undefined,
      );
      return { conflict: toSyncConflictMessage(conflict) };
    },

    async sendAttendance({ id, sessionId, resend }) {
      return integrationService.sendAttendance(id, sessionId, { resend });
    },

    async listDeliveries({ id, sessionId, status, pageSize, pageToken }) {
      const name = enumName(Delivery_Status, status) as DeliveryStatus | undefined;
      const page = await integrationService.listDeliveries(id, {
        sessionId: sessionId || undefined,
        status: name,
        pageSize,
        pageToken,
      });
      return { deliveries: page.items.map(toDeliveryMessage), nextPageToken: page.nextPageToken };
    },

    async createPushSecret({ id }) {
      const secret = await integrationService.createPushSecret(id);
      return { secret, path: `/integrations/${id}/idukay/${secret}/students` };
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
      const page = await mappingService.listMappings(id, {
        entityType: fromEntityType(entityType),
        pageSize,
        pageToken,
      });
      return { mappings: page.items.map(toMappingMessage), nextPageToken: page.nextPageToken };
    },

    async getMapping({ id, entityType, internalId, externalId }) {
      const type = requireEntityType(entityType);
      const mapping = internalId
        ? await mappingService.getMapping(id, type, internalId)
        : await mappingService.getMappingByExternalId(id, type, externalId);
      return { mapping: toMappingMessage(mapping) };
    },

    async rekeyMapping({ id, entityType, externalId, newExternalId, reason }) {
      const type = requireEntityType(entityType);
      await mappingService.repairs.rekey({
        integrationId: id,
        entityType: type,
        externalId,
        newExternalId,
        reason,
      });
      return {
        mapping: toMappingMessage(await mappingService.getMappingByExternalId(id, type, newExternalId)),
      };
    },

    async mergeMappings({ id, entityType, keepInternalId, dropInternalId, keepExternalId, reason }) {
      const ids = { keepInternalId, dropInternalId, keepExternalId: keepExternalId || undefined };
      await mappingService.repairs.merge({
        integrationId: id,
        entityType: requireEntityType(entityType),
        ...ids,
        reason,
      });
      return {};
    },

    async unlinkMapping({ id, entityType, externalId, reason }) {
      await mappingService.repairs.unlink({
        integrationId: id,
        entityType: requireEntityType(entityType),
        externalId,
        reason,
      });
      return {};
    },

    async getMappingHistory({ id, entityType, internalId, externalId, at, pageSize, pageToken }) {
      await integrationService.getIntegration(id);
      const of = { integrationId: id, entityType: requireEntityType(entityType) };
      const page = await mappingService.repairs.history(
        { ...of, internalId: internalId || undefined, externalId: externalId || undefined },
        { at: at && timestampDate(at), pageSize, pageToken },
      );
      return { entries: page.items.map(toHistoryEntryMessage), nextPageToken: page.nextPageToken };
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
      const page = await integrationService.listSyncIssues(id, runId, {
        severity: name,
        pageSize,
        pageToken,
      });
      return { issues: page.items.map(toSyncIssueMessage), nextPageToken: page.nextPageToken };
    },

    async exportSyncIssues({ id, runId, file }, context) {
      const { fileName, contentType, content } = await integrationService.exportSyncIssues(id, runId, {
        file,
      });
      context.responseHeader.set('Content-Disposition', attachment(fileName));
      return { file: { contentType, data: content }, fileName };
    },
  };
}
