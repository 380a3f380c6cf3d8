export type { AttendanceRow, AttendanceSheet, AttendanceStatus, SheetEntity } from './attendance-sheet.js';
export type { ConnectorDefinition } from './connector-definition.js';
export { ConnectorError } from './connector-error.js';
export { ConnectorFactory } from './connector-factory.js';
export * from './external-record.js';
export { IntegrationProvider } from './integration-provider.js';
export { MappingEntityType } from './mapping-entity-type.js';
export { RosterConnector } from './roster-connector.js';
export * from './sis-connector.js';
