export { binaryWriterOf } from './binary-writer.js';
export { jsonWriterOf } from './json-writer.js';
export type { Shape } from './shape.js';
