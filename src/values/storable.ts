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
