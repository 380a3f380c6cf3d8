export {
  type JobContext,
  JobQueue,
  type QueueOptions,
  type RetryOptions,
  type SendOptions,
  TryLater,
  type WorkOptions,
} from './queue.js';
export { RunResumer, type RunResumerOptions } from './run-resumer.js';
