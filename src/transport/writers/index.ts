export { binaryWriterOf, envelopesWriterOf, inEnvelopes } from './binary-writer.js';
export { type JsonWriter, jsonFieldWriterOf, jsonWriterOf } from './json-writer.js';
export type { Shape } from './shape.js';
