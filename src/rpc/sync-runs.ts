import { timestampDate } from '@bufbuild/protobuf/wkt';
import { MappingEntityType } from '../../gen/smartid/integrations/v1/mapping_pb.js';
import {
  SyncChange_Action,
  SyncChange_Outcome,
  SyncIssue_Severity,
  SyncRun_Status,
} from '../../gen/smartid/integrations/v1/sync_pb.js';
import type { SyncChangeAction, SyncRunStatus, SyncScope } from '../sync/index.js';
import { attachment } from './convert/attachment.js';
import { fromEntityType } from './convert/integration-messages.js';
import {
  fromGuard,
  toRekeyMessage,
  toSyncChangeMessage,
  toSyncDataMessage,
  toSyncIssueMessage,
  toSyncPartMessage,
  toSyncRunMessage,
} from './convert/sync-messages.js';
import { enumName } from './convert/to-message.js';
import type { IntegrationRpcs, RpcParts } from './rpc-types.js';

/** Syncs: begun, decided on, taken back, and what came of them. */
export function syncRuns({ integrationService }: Pick<RpcParts, 'integrationService'>) {
  return {
    async syncData({ id, entityType, guard }) {
      return toSyncDataMessage(
        await integrationService.syncData(id, fromEntityType(entityType), { guard: fromGuard(guard) }),
      );
    },

    async previewSync({ id, entityType }) {
      const { run, errors, parts } = await integrationService.previewSync(id, fromEntityType(entityType));
      return { run: toSyncRunMessage(run), errors, parts: parts.map(toSyncPartMessage) };
    },

    async approveSync({ id, runId, reason, rekey }) {
      const { success, run, parts } = await integrationService.approveSync(id, runId, reason, { rekey });
      return { success, run: toSyncRunMessage(run), parts: parts.map(toSyncPartMessage) };
    },

    async listRekeys({ id, runId, pageSize, pageToken }) {
      const { items, nextPageToken, total } = await integrationService.listRekeys(id, runId, {
        pageSize,
        pageToken,
      });
      return { rekeys: items.map(toRekeyMessage), nextPageToken, total, totalCount: total };
    },

    async discardSync({ id, runId, reason }) {
      return { run: toSyncRunMessage(await integrationService.discardSync(id, runId, reason)) };
    },

    async rollbackSync({ id, runId, preview }) {
      const { run, parts } = await integrationService.rollbackSync(id, runId, { preview });
      return { run: toSyncRunMessage(run), parts: parts.map(toSyncPartMessage) };
    },

    async listSyncRuns({ id, institutionId, provider, startedFrom, startedBefore, ...request }) {
      const page = await integrationService.listSyncRuns(id || undefined, {
        institutionId: institutionId || undefined,
        status: enumName(SyncRun_Status, request.status) as SyncRunStatus | undefined,
        provider: provider || undefined,
        entityType: enumName(MappingEntityType, request.entityType) as SyncScope | undefined,
        startedFrom: startedFrom && timestampDate(startedFrom),
        startedBefore: startedBefore && timestampDate(startedBefore),
        pageSize: request.pageSize,
        pageToken: request.pageToken,
      });
      return { runs: page.items.map(toSyncRunMessage), nextPageToken: page.nextPageToken };
    },

    async getSyncRun({ id, runId }) {
      return { run: toSyncRunMessage(await integrationService.getSyncRun(id, runId)) };
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
  } satisfies Partial<IntegrationRpcs>;
}
