export { backoff, isAllowEntry, RETRY_BUDGET_MS, readRetryAfter } from '../../outbound/index.js';
export { HttpClient } from './http-client.js';
export { type HttpAnswer, HttpFailure } from './http-failure.js';
export type { HttpClientOptions, HttpRequest } from './http-request.js';
export { OAuth2Client, type OAuth2ClientOptions } from './oauth2-client.js';
export { Outbound, type OutboundOptions } from './outbound.js';
export { retryAfterOf } from './retry-after-of.js';
export { webAddress } from './web-address.js';
