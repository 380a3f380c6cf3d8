export { type AuditEvent, type AuditFilter, AuditService } from './audit-service.js';
export {
  ADMIN,
  currentCaller,
  identifyCaller,
  onBehalfOf,
  onBehalfOfService,
  PUSH,
  RESERVED_ACTORS,
} from './caller.js';
export type { EntityChange, EntityChangesOf } from './entity-changes.js';
export {
  type AuditEntry,
  differenceOf,
  NO_INSTITUTION,
  type ObjectType,
  recordEvent,
} from './record-event.js';
export { type Refusal, Refusals } from './refusals.js';
export type { Anchor, ChainProblem, Verification } from './verify-chain.js';
