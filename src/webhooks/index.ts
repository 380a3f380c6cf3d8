export { type WebhookHeaders, WebhookIntake, type WebhookReceipt } from './intake.js';
export { type ReceivedFilter, ReceivedStore, type StoredPush } from './received-store.js';
export { WebhookSecretStore } from './secret-store.js';
export type {
  ReceivedKind,
  ReceivedStatus,
  ReceivedWebhook,
  StoredChange,
  WebhookSecret,
} from './webhook.js';
export { readWebhookBacklog } from './webhook-backlog.js';
export { WebhookJobs } from './webhook-jobs.js';
export { type NewWebhookSecret, WebhookService } from './webhook-service.js';
