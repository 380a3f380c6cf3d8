import type { StoredChange } from './webhook.js';

/** What is read for changes together: an entity type or ALL, and the ids, where these are named. */
export type Scopes = Map<StoredChange['entityType'], Set<string> | undefined>;

/** What is to be read for all of these: an entity type once, and ALL instead of any. */
export function together(changes: readonly StoredChange[]): Scopes {
  const scopes: Scopes = new Map();
  for (const { entityType, externalIds } of changes) {
    if (entityType === 'ALL') return new Map([['ALL', undefined]]);
    const known = scopes.get(entityType);
    if (!externalIds || (scopes.has(entityType) && !known)) scopes.set(entityType, undefined);
    else if (known) for (const id of externalIds) known.add(id);
    else scopes.set(entityType, new Set(externalIds));
  }
  return scopes;
}
