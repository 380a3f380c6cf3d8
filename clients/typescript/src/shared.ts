// What browsers and Node have alike.
export { Code, ConnectError } from '@connectrpc/connect';
export { createClientOver, type IntegrationsClient } from './client.js';
export * from './messages.js';
export type { ClientOptions, Token } from './options.js';
export type { RetryOptions } from './retries.js';
export { services } from './services.js';
export { verifyWebhook, type WebhookEvent, WebhookVerificationError } from './webhooks.js';
