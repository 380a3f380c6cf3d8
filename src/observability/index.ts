export { createLogger, type Logger, type LogOptions } from './log.js';
