import { EventService } from '@gen/smartid/integrations/v1/event_service_pb.js';

export const eventsApi = EventService.method;
