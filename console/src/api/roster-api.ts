import { RosterService } from '@gen/smartid/roster/v1/roster_service_pb.js';

export const rosterApi = RosterService.method;
