import { ScheduleService } from '@gen/smartid/integrations/v1/schedule_service_pb.js';

export const schedulesApi = ScheduleService.method;
