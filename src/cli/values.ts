import { UsageError } from './exit-codes.js';
import { remark } from './output.js';

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

const MOMENT = /^(\d{4}-\d\d-\d\d)(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d))?$/i;

/** A day, which begins in UTC, or a moment with its zone, as a timestamp. Throws `UsageError` for what is neither. */
export async function timestampOf(text: string | undefined, option: string) {
  if (text === undefined) return undefined;
  const [, day] = MOMENT.exec(text) ?? [];
  const at = new Date(text.toUpperCase());
  // Date takes the 31st of February for a day of March.
  if (!day || !isDay(day) || Number.isNaN(at.getTime()))
    throw new UsageError(
      `${option} must be a day such as 2026-03-02, or a time such as 2026-03-02T11:00:00Z.`,
    );
  const { timestampFromDate } = await import('@bufbuild/protobuf/wkt');
  return timestampFromDate(at);
}

function isDay(text: string): boolean {
  const at = new Date(text);
  return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(text);
}

/** The first items of a list, as many as `--limit` says; without it all. Throws `UsageError`. */
export function firstOf<T>(items: AsyncIterable<T>, limit: string | undefined): AsyncIterable<T> {
  return limit === undefined ? items : first(items, wholeNumber(limit, '--limit'), () => {});
}

/** What a list shows that may be long and of which the newest matter, where nobody says how many. */
const USUAL = 100;

/** The first items, as many as `--limit` says; without it the usual number, and a remark where there are more. */
export function usualOf<T>(items: AsyncIterable<T>, limit: string | undefined): AsyncIterable<T> {
  if (limit !== undefined) return firstOf(items, limit);
  return first(items, USUAL, () => remark(`These are the first ${USUAL}. --limit NUMBER shows more.`));
}

async function* first<T>(items: AsyncIterable<T>, limit: number, onMore: () => void) {
  let left = limit;
  if (left === 0) return;
  for await (const item of items) {
    if (left === 0) return onMore();
    yield item;
    left--;
  }
}
