export { MappingEntityType } from '../connectors/index.js';
export type { MappingHistoryEntry } from './mapping-history.js';
export { MappingRepairs } from './mapping-repairs.js';
export { type IntegrationMapping, MappingService } from './mapping-service.js';
