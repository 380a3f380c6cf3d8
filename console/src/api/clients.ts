import { IntegrationService } from '@gen/smartid/integrations/v1/integration_service_pb.js';

/**
 * The methods of a service, as connect-query takes them. Each service has a file of its own: the first page loads only
 * what it asks.
 */
export const integrationsApi = IntegrationService.method;
export { IntegrationService };
