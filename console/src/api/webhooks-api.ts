import { WebhookService } from '@gen/smartid/integrations/v1/webhook_service_pb.js';

export const webhooksApi = WebhookService.method;
