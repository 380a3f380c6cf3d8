export { RunResumer, type RunResumerOptions } from './run-resumer.js';
