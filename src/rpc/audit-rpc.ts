import { timestampDate } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import {
  type AuditService,
  VerifyAuditResponse_Problem_Kind as Kind,
} from '../../gen/smartid/integrations/v1/audit_service_pb.js';
import type { AuditEvent, EntityChange } from '../audit/index.js';
import { enumValue, json, optional, timestamp } from './convert/to-message.js';
import type { RpcParts } from './rpc-types.js';

/** smartid.integrations.v1.AuditService on the audit. */
export function auditRpc({ auditService }: Pick<RpcParts, 'auditService'>): ServiceImpl<typeof AuditService> {
  return {
    async listAuditEvents({ $typeName: _, $unknown: _unknown, since, until, ...request }) {
      const page = await auditService.listEvents({
        ...request,
        actor: request.actor || undefined,
        action: request.action || undefined,
        objectType: request.objectType || undefined,
        objectId: request.objectId || undefined,
        integrationId: request.integrationId || undefined,
        runId: request.runId || undefined,
        requestId: request.requestId || undefined,
        since: since && timestampDate(since),
        until: until && timestampDate(until),
      });
      return { events: page.items.map(toEventMessage), nextPageToken: page.nextPageToken };
    },

    async listEntityChanges({ institutionId, entityId, field, pageSize, pageToken }) {
      const page = await auditService.listEntityChanges({
        institutionId,
        entityId,
        field: field || undefined,
        pageSize,
        pageToken,
      });
      return { changes: page.items.map(toChangeMessage), nextPageToken: page.nextPageToken };
    },

    async verifyAudit({ institutionId, anchorPosition, anchorHash }) {
      const anchor =
        anchorPosition === '0' ? undefined : { position: anchorPosition, hash: Buffer.from(anchorHash) };
      const { events, problems, position, hash } = await auditService.verify(institutionId, anchor);
      return {
        intact: problems.length === 0,
        eventCount: events,
        problems: problems.map((problem) => ({ ...problem, kind: enumValue(Kind, problem.kind) })),
        position,
        hash,
      };
    },
  };
}

function toEventMessage({ at, before, after, ...event }: AuditEvent) {
  return {
    ...event,
    at: timestamp(at),
    address: optional(event.address),
    requestId: optional(event.requestId),
    method: optional(event.method),
    integrationId: optional(event.integrationId),
    runId: optional(event.runId),
    before: before ? json(before) : undefined,
    after: after ? json(after) : undefined,
    detail: optional(event.detail),
  };
}

function toChangeMessage({ at, before, after, ...change }: EntityChange) {
  return {
    ...change,
    at: timestamp(at),
    before: before ? json(before) : undefined,
    after: after ? json(after) : undefined,
    integrationId: optional(change.integrationId),
    runId: optional(change.runId),
    actor: optional(change.actor),
    method: optional(change.method),
    requestId: optional(change.requestId),
    address: optional(change.address),
  };
}
