/**
 * What the author of a connector works with, in this package and outside it:
 * `smartid-integrations/connectors`.
 */

export {
  type HttpAnswer,
  type HttpClient,
  type HttpClientOptions,
  HttpFailure,
  type HttpRequest,
} from './http/index.js';
export type {
  AttendanceRow,
  AttendanceSheet,
  AttendanceStatus,
  Capabilities,
  ConfinedFiles,
  ConnectionCheck,
  ConnectionReport,
  ConnectorContext,
  ConnectorDefinition,
  ConnectorMemory,
  CourseRecord,
  DeliveryOutcome,
  FingerprintedPage,
  GroupRecord,
  MembershipRecord,
  Pages,
  PushedRecords,
  ReadRowsAgain,
  RecordIssue,
  RecordPage,
  RecordSource,
  RecordTable,
  S3Defaults,
  SendResult,
  SheetEntity,
  SISConnector,
  StudentRecord,
  SyncedMapping,
  SyncResult,
  TeacherRecord,
  Text,
} from './index.js';
export {
  ConnectorError,
  ERROR_COLUMN,
  IntegrationProvider,
  MappingEntityType,
  RosterConnector,
  webAddress,
} from './index.js';
