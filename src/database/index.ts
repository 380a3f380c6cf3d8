export type { DatabaseOptions } from './connections.js';
export { Database } from './database.js';
export { Lease, type LeaseKey, type LeaseOptions, Leases } from './lease.js';
export { MAPPING_COLUMNS } from './mapping-columns.js';
export { migrate, SCHEMA_VERSION } from './migrate.js';
export * from './models/index.js';
export { isOfPerson } from './reused-ids.js';
export { isDatabaseAway, isPassing } from './trouble.js';
export { explainUnusable, SchemaTooNewError, UnusableDatabaseError } from './unusable-database.js';
