import { invalidFields } from './errors.js';

/** A page of a list, and the token that leads to the next; undefined at the last. */
export interface Page<T> {
  items: T[];
  nextPageToken: string | undefined;
}

export interface PageRequest {
  /** 1 to 1000; 0 or undefined means 100. */
  pageSize?: number | undefined;
  pageToken?: string | undefined;
}

export const DEFAULT_PAGE_SIZE = 100;
export const MAX_PAGE_SIZE = 1_000;

export function pageSizeOf({ pageSize }: PageRequest): number {
  return Math.min(pageSize || DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE);
}

/**
 * Cuts what was read with one row more than a page down to the page; that one more row says that there is a
 * next.
 */
export function toPage<Row, T>(
  rows: Row[],
  size: number,
  keyOf: (row: Row) => readonly string[],
  map: (row: Row) => T,
): Page<T> {
  const items = rows.slice(0, size);
  const last = items.at(-1);
  return {
    items: items.map(map),
    nextPageToken: rows.length > size && last ? writePageToken(keyOf(last)) : undefined,
  };
}

/** The WHERE of those conditions that there are; empty without any. */
export function allOf(conditions: readonly (string | undefined)[]): string {
  const given = conditions.filter(Boolean);
  return given.length === 0 ? '' : `WHERE ${given.join(' AND ')}`;
}

/**
 * A page token holds the key of the last row read, so that the next page starts after it whatever came or
 * went since.
 */
export function writePageToken(key: readonly string[]): string {
  return Buffer.from(JSON.stringify(key)).toString('base64url');
}

/** The key in a token, or undefined without one. A token that is not ours is the caller's mistake. */
export function readPageToken(token: string | undefined, parts: readonly TokenPart[]): string[] | undefined {
  if (!token) return undefined;
  let key: unknown;
  try {
    key = JSON.parse(Buffer.from(token, 'base64url').toString());
  } catch {
    key = undefined;
  }
  const fits =
    Array.isArray(key) &&
    key.length === parts.length &&
    parts.every((part, i) => typeof key[i] === 'string' && part.test(key[i]));
  if (!fits)
    throw invalidFields([
      { field: 'pageToken', description: 'is not a token of this list; leave it out to begin anew' },
    ]);
  return key as string[];
}

/** What a part of a token must be, so that the database takes it for a value of its type. */
export interface TokenPart {
  test(text: string): boolean;
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$/;
const MAX_INT = 2_147_483_647;

export const TOKEN = {
  uuid: /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i,
  /** A number of 32 bits. */
  integer: { test: (text: string) => /^\d{1,10}$/.test(text) && Number(text) <= MAX_INT },
  /** A number of 64 bits. */
  position: /^\d{1,18}$/,
  time: { test: isTime },
  entityType: /^[A-Z]+$/,
  // Text of PostgreSQL holds anything but NUL.
  text: /^[^\0]*$/,
} as const satisfies Record<string, TokenPart>;

/** Whether a text is a time that there is: JavaScript makes the 31st of February the 3rd of March. */
function isTime(text: string): boolean {
  if (!TIME.test(text) || text.startsWith('0000')) return false;
  const time = new Date(text);
  return !Number.isNaN(time.getTime()) && time.toISOString().slice(0, 19) === text.slice(0, 19);
}
