export {
  type JobContext,
  JobQueue,
  type QueueOptions,
  type RetryOptions,
  type SendOptions,
  TryLater,
  type WorkOptions,
} from './queue.js';
