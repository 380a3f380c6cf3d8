import type { MessageInitShape } from '@bufbuild/protobuf';
import { z } from 'zod';
import { Delivery_Status, type DeliverySchema } from '../../../gen/smartid/integrations/v1/delivery_pb.js';
import {
  Integration_Status,
  type IntegrationSchema,
  type ProviderSchema,
} from '../../../gen/smartid/integrations/v1/integration_pb.js';
import {
  Mapping_Status,
  MappingEntityType as MappingEntityTypeMessage,
  type MappingSchema,
} from '../../../gen/smartid/integrations/v1/mapping_pb.js';
import { AttendanceRecord_Status } from '../../../gen/smartid/roster/v1/class_session_pb.js';
import type { ConnectorDefinition } from '../../connectors/index.js';
import type { Delivery, Integration } from '../../integrations/index.js';
import { type IntegrationMapping, MappingEntityType } from '../../mappings/index.js';
import type { ReportedMapping } from '../../sync/index.js';
import { enumName, enumValue, json, optional, timestamp } from './to-message.js';

export function toIntegrationMessage(integration: Integration): MessageInitShape<typeof IntegrationSchema> {
  const { status, config, policy, lastSyncAt, lastError, createdAt, updatedAt, ...rest } = integration;
  return {
    ...rest,
    config: json(config),
    policy: json(policy),
    status: enumValue(Integration_Status, status),
    lastSyncAt: timestamp(lastSyncAt),
    lastError: optional(lastError),
    createdAt: timestamp(createdAt),
    updatedAt: timestamp(updatedAt),
  };
}

export function toMappingMessage(
  mapping: IntegrationMapping | ReportedMapping,
): MessageInitShape<typeof MappingSchema> {
  return {
    id: mapping.id,
    integrationId: mapping.integrationId,
    entityType: enumValue(MappingEntityTypeMessage, mapping.entityType),
    internalId: mapping.internalId,
    externalId: mapping.externalId,
    metadata: json(mapping.metadata),
    status: enumValue(Mapping_Status, mapping.status),
    createdAt: timestamp(mapping.createdAt),
    updatedAt: timestamp(mapping.updatedAt),
  };
}

export function toDeliveryMessage(delivery: Delivery): MessageInitShape<typeof DeliverySchema> {
  return {
    ...delivery,
    attendanceStatus: enumValue(AttendanceRecord_Status, delivery.mark),
    status: enumValue(Delivery_Status, delivery.status),
    lastReason: optional(delivery.lastReason),
    createdAt: timestamp(delivery.createdAt),
    updatedAt: timestamp(delivery.updatedAt),
  };
}

export function toProviderMessage(definition: ConnectorDefinition): MessageInitShape<typeof ProviderSchema> {
  const { provider, title, config, credentials, capabilities } = definition;
  return {
    provider,
    title,
    configSchema: json(z.toJSONSchema(config, { io: 'input' })),
    credentialsSchema: json(z.toJSONSchema(credentials, { io: 'input' })),
    entityTypes: [...capabilities.entityTypes],
    syncedEntityTypes: capabilities.entityTypes.map((type) => enumValue(MappingEntityTypeMessage, type)),
    sendsAttendance: capabilities.sendsAttendance,
    singleEntityTypes: (capabilities.readsOne ?? []).map((type) => enumValue(MappingEntityTypeMessage, type)),
  };
}

/** The entity type of a request; undefined when it is unspecified, or ALL. */
export function fromEntityType(value: MappingEntityTypeMessage): MappingEntityType | undefined {
  const name = enumName(MappingEntityTypeMessage, value);
  return name === 'ALL' ? undefined : (name as MappingEntityType | undefined);
}

/** The entity type of a request that must have one: validation has seen to it. */
export function requireEntityType(value: MappingEntityTypeMessage): MappingEntityType {
  const entityType = fromEntityType(value);
  if (!entityType || !(entityType in MappingEntityType))
    throw new Error(`entity type ${value} passed validation`);
  return entityType;
}
