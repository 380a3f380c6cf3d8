import { UsageError } from './exit-codes.js';

/** The value of an enum by its name, in any case. Throws `UsageError`, which lists those there are. */
export function enumValue<T extends Record<string, string | number>>(
  names: T,
  text: string,
  option: string,
  without: readonly string[] = [],
): Exclude<T[keyof T], string> {
  const known = Object.keys(names).filter((name) => /^[A-Z]/.test(name) && !/UNSPECIFIED/.test(name));
  const allowed = known.filter((name) => !without.includes(name));
  const name = allowed.find((one) => one === text.toUpperCase());
  if (!name) throw new UsageError(`${option} must be one of ${allowed.join(', ')}.`);
  return names[name] as Exclude<T[keyof T], string>;
}

/** The same where the option may be left out. */
export function optionalEnum<T extends Record<string, string | number>>(
  names: T,
  text: string | undefined,
  option: string,
): Exclude<T[keyof T], string> | undefined {
  return text === undefined ? undefined : enumValue(names, text, option);
}

export function wholeNumber(text: string, option: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new UsageError(`${option} must be a whole number.`);
}

/** A moment such as 2026-03-02 or 2026-03-02T11:00:00Z, as a timestamp. */
export async function timestampOf(text: string | undefined, option: string) {
  if (text === undefined) return undefined;
  const at = new Date(text);
  if (Number.isNaN(at.getTime()))
    throw new UsageError(`${option} must be a time such as 2026-03-02T11:00:00Z.`);
  const { timestampFromDate } = await import('@bufbuild/protobuf/wkt');
  return timestampFromDate(at);
}

/** The first items of a list that may be long, as many as `--limit` says; without it all. Throws `UsageError`. */
export function firstOf<T>(items: AsyncIterable<T>, limit: string | undefined): AsyncIterable<T> {
  return limit === undefined ? items : first(items, wholeNumber(limit, '--limit'));
}

async function* first<T>(items: AsyncIterable<T>, limit: number) {
  let left = limit;
  if (left <= 0) return;
  for await (const item of items) {
    yield item;
    if (--left <= 0) return;
  }
}
