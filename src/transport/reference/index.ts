export { createReference } from './reference.js';
