export { isAllowEntry } from './address-guard.js';
export { HttpClient, type HttpClientOptions, type HttpRequest } from './http-client.js';
export { type HttpAnswer, HttpFailure } from './http-failure.js';
export { OAuth2Client, type OAuth2ClientOptions } from './oauth2-client.js';
export { Outbound, type OutboundOptions } from './outbound.js';
export { backoff, RETRY_BUDGET_MS, readRetryAfter } from './retry.js';
export { webAddress } from './web-address.js';
