export { comparisonOf, DIGEST_BYTES } from './digest.js';
export { canDraft, undraft } from './drafts.js';
export { FORGOTTEN, type KnownDigests } from './known-digests.js';
export { repeatedNationalId } from './repeated-national-ids.js';
export { type Staged, stage } from './stage.js';
