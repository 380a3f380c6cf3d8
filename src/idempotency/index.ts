export { type AnswerSealer, type Begun, KeptAnswers, type KeyedCall } from './kept-answers.js';
export { dropOldAnswers } from './key-store.js';
