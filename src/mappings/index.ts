export { MappingEntityType } from '../connectors/index.js';
export { type IntegrationMapping, MappingService } from './mapping-service.js';
