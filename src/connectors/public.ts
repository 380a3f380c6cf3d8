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
  OAuth2Client,
  type OAuth2ClientOptions,
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
  ExternalRecord,
  FingerprintedPage,
  GroupRecord,
  MembershipRecord,
  Pages,
  PersonRecord,
  PushedRecords,
  ReadRowsAgain,
  RecordIssue,
  RecordPage,
  RecordSource,
  RecordTable,
  RememberOptions,
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
  Secrets,
  webAddress,
} from './index.js';
