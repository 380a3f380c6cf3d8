export { AttendanceService } from './attendance-service.js';
