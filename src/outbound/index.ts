export {
  type AddressGuard,
  AddressRefused,
  createAddressGuard,
  isAllowEntry,
  isRefusedLiteral,
} from './address-guard.js';
export { reasonOfBreak } from './broken-connection.js';
export { type Agents, createGuardedAgents } from './guarded-agents.js';
export { backoff, RETRY_BUDGET_MS, readRetryAfter } from './retry.js';
