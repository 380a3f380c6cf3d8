export { type BodyBounds, MOST_DEPTH, MOST_ENTRIES, malformed } from './bounds.js';
export { dropRest } from './drop-rest.js';
export { JsonBounds } from './json-bounds.js';
export { recursionLimit } from './message-bounds.js';
export { type EachPiece, eachOf, eachPieceOf, piecesOf } from './pieces.js';
export { type Reading, readWhole } from './read-body.js';
export { type BodyForm, checkedBody, forgetPacking, formOf, readOnly, smallestBody } from './rpc-body.js';
export { takeTurnsAfter } from './take-turns.js';
export { UnfinishedBytes } from './unfinished-bytes.js';
