import { Membership_Role } from '../../gen/smartid/roster/v1/roster_pb.js';
import { classSessions } from './class-sessions.js';
import {
  toCourseMessage,
  toGroupMessage,
  toMembershipMessage,
  toRosterChangeMessage,
  toStudentMessage,
  toTeacherMessage,
} from './convert/roster-messages.js';
import { enumName, timestamp } from './convert/to-message.js';
import type { RosterRpcs, RpcParts } from './rpc-types.js';

const roleName = (role: Membership_Role) => enumName(Membership_Role, role) as 'STUDENT' | 'TEACHER';

/** smartid.roster.v1.RosterService on the roster service. */
export function rosterRpc(parts: Pick<RpcParts, 'rosterService'>): RosterRpcs {
  const { rosterService } = parts;
  return {
    ...classSessions(parts),

    async listStudents({ institutionId, groupId, query, pageSize, pageToken }) {
      const page = await rosterService.listStudents({
        institutionId,
        groupId: groupId || undefined,
        query,
        pageSize,
        pageToken,
      });
      return { students: page.items.map(toStudentMessage), nextPageToken: page.nextPageToken };
    },

    async getStudent({ institutionId, id }) {
      return { student: toStudentMessage(await rosterService.getStudent(institutionId, id)) };
    },

    async listTeachers({ institutionId, groupId, query, pageSize, pageToken }) {
      const page = await rosterService.listTeachers({
        institutionId,
        groupId: groupId || undefined,
        query,
        pageSize,
        pageToken,
      });
      return { teachers: page.items.map(toTeacherMessage), nextPageToken: page.nextPageToken };
    },

    async getTeacher({ institutionId, id }) {
      return { teacher: toTeacherMessage(await rosterService.getTeacher(institutionId, id)) };
    },

    async listCourses({ institutionId, pageSize, pageToken }) {
      const page = await rosterService.listCourses({ institutionId, pageSize, pageToken });
      return { courses: page.items.map(toCourseMessage), nextPageToken: page.nextPageToken };
    },

    async getCourse({ institutionId, id }) {
      return { course: toCourseMessage(await rosterService.getCourse(institutionId, id)) };
    },

    async listGroups({ institutionId, pageSize, pageToken }) {
      const page = await rosterService.listGroups({ institutionId, pageSize, pageToken });
      return { groups: page.items.map(toGroupMessage), nextPageToken: page.nextPageToken };
    },

    async getGroup({ institutionId, id }) {
      return { group: toGroupMessage(await rosterService.getGroup(institutionId, id)) };
    },

    async putStudent({ institutionId, id, $typeName: _, $unknown: _unknown, ...edit }) {
      return { student: toStudentMessage(await rosterService.putStudent(institutionId, id, edit)) };
    },

    async putTeacher({ institutionId, id, $typeName: _, $unknown: _unknown, ...edit }) {
      return { teacher: toTeacherMessage(await rosterService.putTeacher(institutionId, id, edit)) };
    },

    async putCourse({ institutionId, id, $typeName: _, $unknown: _unknown, ...edit }) {
      return { course: toCourseMessage(await rosterService.putCourse(institutionId, id, edit)) };
    },

    async putGroup({ institutionId, id, $typeName: _, $unknown: _unknown, ...edit }) {
      return { group: toGroupMessage(await rosterService.putGroup(institutionId, id, edit)) };
    },

    async putMembership({ institutionId, groupId, personId, role }) {
      await rosterService.putMembership({ institutionId, groupId, personId, role: roleName(role) });
      return {};
    },

    async deleteMembership({ institutionId, groupId, personId, role }) {
      await rosterService.deleteMembership({ institutionId, groupId, personId, role: roleName(role) });
      return {};
    },

    async listMemberships({ institutionId, groupId, pageSize, pageToken }) {
      const page = await rosterService.listMemberships({
        institutionId,
        groupId: groupId || undefined,
        pageSize,
        pageToken,
      });
      return { memberships: page.items.map(toMembershipMessage), nextPageToken: page.nextPageToken };
    },

    async listRosterChanges({ institutionId, pageSize, pageToken }) {
      const { changes, nextPageToken, hasMore, keptSince } = await rosterService.listRosterChanges({
        institutionId,
        pageSize,
        pageToken,
      });
      return {
        changes: changes.map(toRosterChangeMessage),
        nextPageToken,
        hasMore,
        keptSince: timestamp(keptSince),
      };
    },
  };
}
