export { markOf, type OrderSending } from './class-session-store.js';
export * from './roster.js';
export { RosterService } from './roster-service.js';
export { ENTITY_SPECS, type EntitySpec, type FieldSpec, membershipRole } from './schema.js';
