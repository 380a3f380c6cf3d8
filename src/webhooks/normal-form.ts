import { z } from 'zod';
import {
  type Capabilities,
  type ConnectorDefinition,
  ConnectorError,
  MappingEntityType,
  type ReceivedChange,
} from '../connectors/index.js';
import { cleanExternalId } from '../values/index.js';
import { together } from './scopes.js';
import type { StoredChange } from './webhook.js';

/** What a body comes to: changes, maybe none, or why it cannot be used. */
export type ReadBody = { changes: StoredChange[]; refused?: undefined } | { refused: string };

/** Changes that one body may hold. */
const MOST_CHANGES = 100;

/** A larger number has been rounded by now, maybe to the id of somebody else. */
const NO_ID = `must be a text, or a whole number up to ${Number.MAX_SAFE_INTEGER}`;
const TYPES = [...Object.values(MappingEntityType), 'ALL'] as const;
const change = z.strictObject({
  entityType: z.preprocess(
    (given) => (typeof given === 'string' ? given.toUpperCase() : given),
    z.enum(TYPES, { error: `must be one of ${TYPES.join(', ')}` }),
  ),
  externalIds: z
    .array(z.union([z.string(), z.int().transform(String)], { error: NO_ID }), {
      error: 'must be a list of ids',
    })
    .optional(),
});
const several = z.strictObject({
  changes: z
    .array(change, { error: 'must be a list' })
    .min(1, 'must hold a change')
    .max(MOST_CHANGES, `must hold ${MOST_CHANGES} changes at most`),
});

/**
 * Reads the body of a webhook: the normal form, at the top or as `data` of an event as Standard Webhooks has it; any
 * other is for the connector to read, where it can. `mostIds`: of more ids the entity type as such is said to have
 * changed.
 */
export function readBody(bytes: Uint8Array, { definition, capabilities, mostIds }: ReadingOptions): ReadBody {
  const body = parse(bytes);
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    return { refused: 'The body must be a JSON object in UTF-8.' };
  const event = body as Record<string, unknown>;
  const normal = hasNormalForm(event.data)
    ? event.data
    : hasNormalForm(event)
      ? withoutEnvelope(event)
      : undefined;
  try {
    const changes = normal ? readNormalForm(normal) : definition.receive?.(body);
    if (!changes)
      return {
        refused: `The body needs entityType (one of ${TYPES.join(', ')}), or changes, a list of such.`,
      };
    return check(changes, capabilities, mostIds);
  } catch (error) {
    if (error instanceof ConnectorError) return { refused: error.message };
    throw error;
  }
}

export interface ReadingOptions {
  definition: Pick<ConnectorDefinition, 'provider' | 'receive'>;
  /** What remains of its capabilities with the integration's settings. */
  capabilities: Capabilities;
  mostIds: number;
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}

function hasNormalForm(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && ('entityType' in value || 'changes' in value);
}

/** What Standard Webhooks puts beside the data. */
function withoutEnvelope({ type: _, timestamp: __, id: ___, ...rest }: Record<string, unknown>) {
  return rest;
}

function readNormalForm(body: Record<string, unknown>): ReceivedChange[] {
  const parsed = 'changes' in body ? several.safeParse(body) : change.safeParse(body);
  if (parsed.success) return 'changes' in parsed.data ? parsed.data.changes : [parsed.data];
  const sentences = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'body'} ${message}`);
  throw new ConnectorError(`${sentences.slice(0, 5).join('; ')}.`);
}

/** Changes as they are stored: types that the integration has, each once, with clean ids, or without where many. */
function check(changes: readonly ReceivedChange[], { entityTypes }: Capabilities, mostIds: number): ReadBody {
  const stored: StoredChange[] = [];
  for (const { entityType, externalIds } of changes) {
    if (entityType !== 'ALL' && !entityTypes.includes(entityType))
      return { refused: `The integration does not sync ${entityType}; it syncs ${entityTypes.join(', ')}.` };
    const ids = new Set<string>();
    for (const raw of externalIds ?? []) {
      const id = cleanExternalId(raw);
      if (typeof id !== 'string') return { refused: `An id of ${entityType} cannot be used: ${id.problem}.` };
      ids.add(id);
    }
    // An empty list says that nobody changed.
    if (externalIds && ids.size === 0) continue;
    stored.push({ entityType, ...(externalIds && { externalIds: [...ids] }) });
  }
  const changed = [...together(stored)].map(([entityType, ids]): StoredChange => {
    const isNamed = ids && ids.size <= mostIds;
    return { entityType, ...(isNamed && { externalIds: [...ids] }) };
  });
  return { changes: changed };
}
