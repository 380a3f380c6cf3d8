export * from './roster.js';
export { RosterService } from './roster-service.js';
