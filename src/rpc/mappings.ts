import { timestampDate } from '@bufbuild/protobuf/wkt';
import {
  type ListMappingsRequest,
  ListMappingsRequestSchema,
} from '../../gen/smartid/integrations/v1/integration_service_pb.js';
import { fromEntityType, requireEntityType, toMappingMessage } from './convert/integration-messages.js';
import { toHistoryEntryMessage } from './convert/sync-messages.js';
import { together } from './convert/to-message.js';
import type { IntegrationRpcs, RpcParts } from './rpc-types.js';

/** Mappings: read, repaired, and their history. */
export function mappings({
  integrationService,
  mappingService,
}: Pick<RpcParts, 'integrationService' | 'mappingService'>) {
  const listMappings = async ({ id, entityType, pageSize, pageToken }: ListMappingsRequest) => {
    const page = await mappingService.listMappings(id, {
      entityType: fromEntityType(entityType),
      pageSize,
      pageToken,
    });
    return { mappings: page.items.map(toMappingMessage), nextPageToken: page.nextPageToken };
  };
  return {
    async *streamMappings({ id, entityType, pageSize, pageToken }, context) {
      const type = fromEntityType(entityType);
      if (pageSize > 0) {
        const page = await mappingService.listMappings(id, { entityType: type, pageSize, pageToken });
        if (page.nextPageToken) context.responseHeader.set('next-page-token', page.nextPageToken);
        yield together(page.items.map((mapping) => ({ mapping: toMappingMessage(mapping) })));
        return;
      }
      for await (const mappings of mappingService.streamMappings(id, { entityType: type, pageToken })) {
        yield together(mappings.map((mapping) => ({ mapping: toMappingMessage(mapping) })));
      }
    },

    listMappings,
    // Its former name.
    getMappings: (request) => listMappings({ ...request, $typeName: ListMappingsRequestSchema.typeName }),

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
  } satisfies Partial<IntegrationRpcs>;
}
