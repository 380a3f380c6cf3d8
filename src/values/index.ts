export { type BrokenValue, cleanText, cleanValue, type FieldKind, MAX_TEXT, quoted } from './clean-value.js';
export { cleanExternalId, MAX_EXTERNAL_ID } from './external-id.js';
export { isIdentifying, NO_CODE, NO_NATIONAL_ID } from './national-id.js';
export { findUnstorable, storableJson, storableText } from './storable.js';
