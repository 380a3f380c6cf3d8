export { isAllowEntry } from './address-guard.js';
export { HttpClient } from './http-client.js';
export { type HttpAnswer, HttpFailure } from './http-failure.js';
export type { HttpClientOptions, HttpRequest } from './http-request.js';
export { OAuth2Client, type OAuth2ClientOptions } from './oauth2-client.js';
export { Outbound, type OutboundOptions } from './outbound.js';
export { backoff, RETRY_BUDGET_MS, readRetryAfter } from './retry.js';
export { webAddress } from './web-address.js';
