import type { MessageInitShape } from '@bufbuild/protobuf';
import { z } from 'zod';
import {
  Integration_Status,
  type IntegrationSchema,
  type ProviderSchema,
} from '../../gen/smartid/integrations/v1/integration_pb.js';
import {
  Mapping_Status,
  MappingEntityType as MappingEntityTypeMessage,
  type MappingSchema,
} from '../../gen/smartid/integrations/v1/mapping_pb.js';
import {
  SyncIssue_Severity,
  type SyncIssueSchema,
  SyncRun_Stage,
  SyncRun_Status,
  type SyncRunSchema,
} from '../../gen/smartid/integrations/v1/sync_pb.js';
import type { ConnectorDefinition } from '../connectors/index.js';
import type { Integration } from '../integrations/index.js';
import { type IntegrationMapping, MappingEntityType } from '../mappings/index.js';
import type { ReportedMapping, SyncIssue, SyncRun } from '../sync/index.js';
import { enumName, enumValue, json, optional, timestamp } from './to-message.js';

export function toIntegrationMessage(integration: Integration): MessageInitShape<typeof IntegrationSchema> {
  const { status, config, lastSyncAt, lastError, createdAt, updatedAt, ...rest } = integration;
  return {
    ...rest,
    config: json(config),
    status: enumValue(Integration_Status, status),
    lastSyncAt: timestamp(lastSyncAt),
    lastError: optional(lastError),
    createdAt: timestamp(createdAt),
    updatedAt: timestamp(updatedAt),
  };
}

export function toMappingMessage(mapping: IntegrationMapping | ReportedMapping): MessageInitShape<typeof MappingSchema> {
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

export function toSyncRunMessage(run: SyncRun): MessageInitShape<typeof SyncRunSchema> {
  return {
    id: run.id,
    integrationId: run.integrationId,
    entityType: enumValue(MappingEntityTypeMessage, run.entityType),
    status: enumValue(SyncRun_Status, run.status),
    stage: enumValue(SyncRun_Stage, run.stage),
    counts: run.counts,
    membershipCounts: run.membershipCounts,
    error: optional(run.error),
    attempt: run.attempt,
    startedAt: timestamp(run.startedAt),
    finishedAt: timestamp(run.finishedAt),
    timings: run.timings,
  };
}

export function toSyncIssueMessage(issue: SyncIssue): MessageInitShape<typeof SyncIssueSchema> {
  return {
    number: issue.number,
    severity: enumValue(SyncIssue_Severity, issue.severity),
    rule: issue.rule,
    message: issue.message,
    file: optional(issue.file),
    line: optional(issue.line),
    column: optional(issue.column),
    value: optional(issue.value),
    hint: optional(issue.hint),
    externalId: optional(issue.externalId),
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
    sendsAttendance: capabilities.sendsAttendance,
  };
}

/** The entity type of a request; undefined when it is unspecified. */
export function fromEntityType(value: MappingEntityTypeMessage): MappingEntityType | undefined {
  const name = enumName(MappingEntityTypeMessage, value);
  return name as MappingEntityType | undefined;
}

/** The entity type of a request that must have one: validation has seen to it. */
export function requireEntityType(value: MappingEntityTypeMessage): MappingEntityType {
  const entityType = fromEntityType(value);
  if (!entityType || !(entityType in MappingEntityType)) throw new Error(`entity type ${value} passed validation`);
  return entityType;
}
