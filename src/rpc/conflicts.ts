import { SyncConflict_Resolution } from '../../gen/smartid/integrations/v1/sync_pb.js';
import type { ConflictResolution } from '../sync/index.js';
import { requireEntityType } from './convert/integration-messages.js';
import { toDecidedConflictMessage, toSyncConflictMessage } from './convert/sync-messages.js';
import { enumName } from './convert/to-message.js';
import type { IntegrationRpcs, RpcParts } from './rpc-types.js';

/** People of whom a person must say who they are. */
export function conflicts({ integrationService }: Pick<RpcParts, 'integrationService'>) {
  return {
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

    async resolveConflicts({ id, entityType, rule, resolution, preview, reason }) {
      const outcome = await integrationService.resolveConflicts(id, {
        entityType: requireEntityType(entityType) as 'STUDENT' | 'TEACHER',
        rule,
        resolution: enumName(SyncConflict_Resolution, resolution) as ConflictResolution,
        preview,
        reason,
      });
      return { ...outcome, decided: outcome.decided.map(toDecidedConflictMessage) };
    },
  } satisfies Partial<IntegrationRpcs>;
}
