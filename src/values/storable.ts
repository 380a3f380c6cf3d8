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

/** A value inside another, and where it stands in it. */
interface Inner {
  value: unknown;
  /** Its part of the path: `topic`, `[0]`. */
  step: string;
  outer: Inner | undefined;
}

/** The texts inside a value that PostgreSQL cannot store, names of fields included. However deep it is. */
export function findUnstorable(value: unknown): Unstorable[] {
  const found: Unstorable[] = [];
  const left: Inner[] = [{ value, step: '', outer: undefined }];
  for (let inner = left.pop(); inner; inner = left.pop()) {
    const problem = problemOf(inner.value);
    if (problem) found.push({ path: pathOf(inner), problem });
    for (const [step, next] of entriesOf(inner.value)) {
      const name = storableText(step);
      const at = { value: next, step: name, outer: inner };
      if (name !== step) found.push({ path: pathOf(at), problem: 'has such a character in its name' });
      left.push(at);
    }
  }
  return found.reverse();
}

function problemOf(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  if (value.includes('\0')) return 'holds a NUL character';
  return value.isWellFormed() ? undefined : 'holds half of a character';
}

function entriesOf(value: unknown): [step: string, value: unknown][] {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return [];
  if (Array.isArray(value)) return value.map((inner, index) => [`[${index}]`, inner]);
  return Object.entries(value);
}

function pathOf(inner: Inner): string {
  const steps: string[] = [];
  for (let at: Inner | undefined = inner; at; at = at.outer) if (at.step !== '') steps.push(at.step);
  return steps.reverse().join('.').replaceAll('.[', '[');
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
