export { ENTITY_SPECS, type EntitySpec, type FieldSpec } from '../roster/index.js';
