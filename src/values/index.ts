export { type BrokenValue, cleanText, cleanValue, type FieldKind, MAX_TEXT, quoted } from './clean-value.js';
