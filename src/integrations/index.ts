export type { Delivery, DeliveryStatus, SendReport } from '../attendance/index.js';
export { DEFAULT_TIME_ZONE, timeZoneOf } from './check-settings.js';
export { ConnectorSessions, type ConnectorTarget } from './connector-session.js';
export { CredentialKeys, type KeyRotation, type KeyUse } from './credential-keys.js';
export type {
  CreateIntegrationInput,
  Integration,
  IntegrationStatus,
  UpdateIntegrationInput,
} from './integration.js';
export { IntegrationService, type SyncLogs } from './integration-service.js';
export { type IntegrationFilter, IntegrationStore } from './integration-store.js';
export { logSending } from './log-sending.js';
export { PushIntake } from './push-intake.js';
export { cursorsOf, type FindCursor } from './reading-cursor.js';
export { StoredMemory } from './stored-memory.js';
export { readSyncAges } from './sync-ages.js';
export { SyncOutcome } from './sync-outcome.js';
export { capabilitiesOf, syncWork } from './sync-work.js';
