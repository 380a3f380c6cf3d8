import { AuditService } from '@gen/smartid/integrations/v1/audit_service_pb.js';

export const auditApi = AuditService.method;
