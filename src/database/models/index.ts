import { AttendanceRecordModel } from './attendance-record.model.js';
import { ClassSessionModel } from './class-session.model.js';
import { ConnectorMemoryModel } from './connector-memory.model.js';
import { CourseModel } from './course.model.js';
import { GroupModel } from './group.model.js';
import { IntegrationModel } from './integration.model.js';
import { IntegrationMappingModel } from './integration-mapping.model.js';
import { LeaseModel } from './lease.model.js';
import { MembershipModel } from './membership.model.js';
import { OutboxDeliveryModel } from './outbox-delivery.model.js';
import { RosterEditModel } from './roster-edit.model.js';
import { StudentModel } from './student.model.js';
import { SyncChangeModel } from './sync-change.model.js';
import { SyncConflictModel } from './sync-conflict.model.js';
import { SyncIssueModel } from './sync-issue.model.js';
import { SyncRunModel } from './sync-run.model.js';
import { TeacherModel } from './teacher.model.js';

export {
  AttendanceRecordModel,
  ClassSessionModel,
  ConnectorMemoryModel,
  CourseModel,
  GroupModel,
  IntegrationMappingModel,
  IntegrationModel,
  LeaseModel,
  MembershipModel,
  OutboxDeliveryModel,
  RosterEditModel,
  StudentModel,
  SyncChangeModel,
  SyncConflictModel,
  SyncIssueModel,
  SyncRunModel,
  TeacherModel,
};

/**
 * Every model, for the connection. `sync_staged`, `sync_schedules`, `outbox_sendings` and the tables of events, of
 * webhooks and of the audit have none: they are written and read by SQL alone.
 */
export const models = [
  IntegrationModel,
  IntegrationMappingModel,
  StudentModel,
  TeacherModel,
  CourseModel,
  GroupModel,
  MembershipModel,
  ClassSessionModel,
  AttendanceRecordModel,
  RosterEditModel,
  LeaseModel,
  ConnectorMemoryModel,
  OutboxDeliveryModel,
  SyncRunModel,
  SyncChangeModel,
  SyncIssueModel,
  SyncConflictModel,
];
