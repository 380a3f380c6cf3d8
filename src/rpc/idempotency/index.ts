export { answeredOnce } from './answered-once.js';
