export type { AttendanceRow, AttendanceSheet, AttendanceStatus, SheetEntity } from './attendance-sheet.js';
export type {
  Capabilities,
  Connector,
  ConnectorDefinition,
  ReceivedChange,
} from './connector-definition.js';
export { ConnectorError } from './connector-error.js';
export { ConnectorFactory } from './connector-factory.js';
export type { ConnectorMemory, RememberOptions } from './connector-memory.js';
export * from './external-record.js';
export type { GivenFile, GivenTo, TakenFile, UnderstoodList } from './given-file.js';
export { isAllowEntry, Outbound, retryAfterOf, webAddress } from './http/index.js';
export { IntegrationProvider } from './integration-provider.js';
export { MappingEntityType } from './mapping-entity-type.js';
export { type OneEntity, RosterConnector } from './roster-connector.js';
export { Secrets } from './secrets.js';
export * from './sis-connector.js';
