import { type FieldViolation, invalidFields } from '../errors.js';
import { type AddressGuard, isRefusedLiteral } from '../outbound/index.js';
import { requireStorable } from '../require-storable.js';
import { EVENT_TYPES, type EventType } from './event-types.js';

export interface UrlRules {
  /** Whether only https is good enough. */
  requireTls: boolean;
  guard: AddressGuard;
}

/** Stands for every type there is, and will be. */
export const ALL_TYPES = '*';
const MAX_URL = 2_048;
const MAX_DESCRIPTION = 500;

/** Throws `invalid_argument` that names every field of a subscription that is wrong. */
export function checkSubscription(
  {
    url,
    types,
    description,
  }: { url?: string | undefined; types?: readonly string[] | undefined; description?: string | undefined },
  rules: UrlRules,
): void {
  const violations: FieldViolation[] = [];
  const problem = url === undefined ? undefined : problemOfUrl(url, rules);
  if (problem) violations.push({ field: 'url', description: problem });
  for (const [at, type] of (types ?? []).entries()) {
    if (isEventType(type) || type === ALL_TYPES) continue;
    violations.push({
      field: `types[${at}]`,
      description: `there are no events "${type}"; there are ${EVENT_TYPES.join(', ')}`,
    });
  }
  if (description !== undefined && description.length > MAX_DESCRIPTION)
    violations.push({ field: 'description', description: `must have at most ${MAX_DESCRIPTION} characters` });
  if (violations.length > 0) throw invalidFields(violations);
  requireStorable({ url, description });
}

export function isEventType(type: string): type is EventType {
  return (EVENT_TYPES as readonly string[]).includes(type);
}

function problemOfUrl(text: string, { requireTls, guard }: UrlRules): string | undefined {
  if (text.length > MAX_URL) return `must have at most ${MAX_URL} characters`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !['http:', 'https:'].includes(url.protocol))
    return 'must be an address such as https://example.com/events';
  if (url.username || url.password)
    return 'must hold no name and no password: receivers know us by the signature';
  if (url.hash) return 'must hold no fragment';
  if (requireTls && url.protocol !== 'https:') return 'must begin with https://';
  if (isRefusedLiteral(guard, url.hostname))
    return `${url.hostname} is a private address; the operator can open it in OUTBOUND_ALLOW`;
  return undefined;
}
