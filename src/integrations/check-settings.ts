import type { z } from 'zod';
import type { ConnectorDefinition } from '../connectors/index.js';
import { type FieldViolation, invalidFields } from '../errors.js';
import { syncPolicy } from '../sync/index.js';

/** The zone of schools that say none. */
export const DEFAULT_TIME_ZONE = 'America/Santiago';

/** Settings as the connector takes them: checked, defaults filled in. */
export interface Settings {
  config: Record<string, unknown>;
  credentials: Record<string, string>;
}

/**
 * Checks config and credentials against the provider's schemas. Throws `invalid_argument` that names every
 * wrong field.
 */
export function checkSettings(
  definition: ConnectorDefinition,
  config: Record<string, unknown>,
  credentials: Record<string, unknown>,
): Settings {
  const violations: FieldViolation[] = [];
  const checked = {
    config: parse(definition.config, config, 'config', violations),
    credentials: parse(definition.credentials, credentials, 'credentials', violations),
  };
  if (typeof config.timeZone === 'string' && !isTimeZone(config.timeZone)) {
    violations.push({
      field: 'config.timeZone',
      description: `"${config.timeZone}" is not an IANA time zone such as America/Santiago`,
    });
  }
  if (violations.length > 0) throw invalidFields(violations, 'INVALID_SETTINGS');
  return checked as Settings;
}

/** Checks how syncs are to be careful. Throws `invalid_argument` that names every wrong field. */
export function checkPolicy(policy: Record<string, unknown>): void {
  const violations: FieldViolation[] = [];
  parse(syncPolicy, policy, 'policy', violations);
  if (violations.length > 0) throw invalidFields(violations, 'INVALID_SETTINGS');
}

/** The time zone of an integration's institution, IANA name. */
export function timeZoneOf(config: Record<string, unknown>): string {
  return typeof config.timeZone === 'string' ? config.timeZone : DEFAULT_TIME_ZONE;
}

/** RFC 7396 at the top level: null removes a key, everything else replaces it. */
export function mergeConfig(
  stored: Record<string, unknown>,
  changes: Record<string, unknown>,
): Record<string, unknown> {
  return Object.fromEntries(Object.entries({ ...stored, ...changes }).filter(([, value]) => value !== null));
}

function parse(
  schema: z.ZodType,
  value: Record<string, unknown>,
  root: string,
  violations: FieldViolation[],
): unknown {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  for (const { path, message } of result.error.issues) {
    violations.push({ field: [root, ...path.map(String)].join('.'), description: message });
  }
  return undefined;
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
