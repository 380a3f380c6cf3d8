/**
 * JSON that PostgreSQL cannot store, or the same characters told by a text, which then only costs a second
 * look.
 */
const NOT_STORABLE = /\\u(?:0000|d[89a-f])/;

/**
 * Text as PostgreSQL can store it, for people to read: a NUL character shows as U+2400, half a character as
 * U+FFFD.
 */
export function storableText(text: string): string {
  return text.replaceAll('\0', '\u2400').toWellFormed();
}

/** A text inside a value that PostgreSQL cannot store. */
export interface Unstorable {
  /** Where it stands: `session.topic`, `records[0].remarks`. */
  path: string;
  problem: string;
}

/** The texts inside a value that PostgreSQL cannot store, names of fields included. */
export function findUnstorable(value: unknown, path = ''): Unstorable[] {
  if (typeof value === 'string') {
    if (value.includes('\0')) return [{ path, problem: 'holds a NUL character' }];
    return value.isWellFormed() ? [] : [{ path, problem: 'holds half of a character' }];
  }
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || value instanceof Date)
    return [];
  if (Array.isArray(value))
    return value.flatMap((inner, index) => findUnstorable(inner, `${path}[${index}]`));
  return Object.entries(value).flatMap(([key, inner]) => {
    const name = storableText(key);
    const at = path === '' ? name : `${path}.${name}`;
    return [
      ...(name === key ? [] : [{ path: at, problem: 'has such a character in its name' }]),
      ...findUnstorable(inner, at),
    ];
  });
}

/** JSON for PostgreSQL, which can store neither NUL characters nor halves of characters. */
export function storableJson(value: unknown): string {
  const json = JSON.stringify(value);
  return NOT_STORABLE.test(json) ? JSON.stringify(storable(JSON.parse(json))) : json;
}

function storable(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll('\0', '').toWellFormed();
  if (Array.isArray(value)) return value.map(storable);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [storable(key), storable(inner)]));
}
