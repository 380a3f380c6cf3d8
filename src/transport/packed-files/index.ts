export { answerFile, beginAnswer } from './answer-file.js';
export { type PackedFile, type PackedFiles, readPackedFiles } from './packed-files.js';
