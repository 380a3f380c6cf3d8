export { MappingEntityType } from '../connectors/index.js';
export { MappingCare, type MappingHistoryEntry } from './mapping-care.js';
export { type IntegrationMapping, MappingService } from './mapping-service.js';
