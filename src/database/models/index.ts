import { AttendanceRecordModel } from './attendance-record.model.js';
import { ClassSessionModel } from './class-session.model.js';
import { CourseModel } from './course.model.js';
import { GroupModel } from './group.model.js';
import { IntegrationModel } from './integration.model.js';
import { IntegrationMappingModel } from './integration-mapping.model.js';
import { MembershipModel } from './membership.model.js';
import { StudentModel } from './student.model.js';
import { SyncChangeModel } from './sync-change.model.js';
import { SyncIssueModel } from './sync-issue.model.js';
import { SyncRunModel } from './sync-run.model.js';
import { TeacherModel } from './teacher.model.js';

export {
  AttendanceRecordModel,
  ClassSessionModel,
  CourseModel,
  GroupModel,
  IntegrationMappingModel,
  IntegrationModel,
  MembershipModel,
  StudentModel,
  SyncChangeModel,
  SyncIssueModel,
  SyncRunModel,
  TeacherModel,
};

/** Every model, for the connection. `sync_staged` has none: it is written and read by SQL alone. */
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
  SyncRunModel,
  SyncChangeModel,
  SyncIssueModel,
];
