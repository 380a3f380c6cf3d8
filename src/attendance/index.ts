export { AttendanceJobs } from './attendance-jobs.js';
export { AttendanceService, type SendReport, type SendSheet } from './attendance-service.js';
export type { Delivery, DeliveryStatus } from './delivery-store.js';
export { readOutboxBacklog } from './outbox-backlog.js';
