export type { RetentionPeriods } from './periods.js';
export { Retention, type Swept } from './retention.js';
