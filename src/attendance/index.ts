export { AttendanceService, type SendReport } from './attendance-service.js';
export type { Delivery, DeliveryStatus } from './delivery-store.js';
