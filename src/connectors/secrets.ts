import type { Logger } from '../observability/index.js';

/** Shorter values are words of every sentence. */
const SHORTEST = 4;
/** Of a value, or of a form of it, so many characters in a row are a part that is worth having. */
const PIECE = 8;
const STRUCK = '***';
const LETTER = /[\p{L}\p{N}]/u;
/** How far what a connector hands out is looked through: objects within one another. */
const DEEPEST = 8;
const LEVELS = new Set<unknown>(['fatal', 'error', 'warn', 'info', 'debug', 'trace']);

/**
 * Strikes the credentials of one integration out of all that comes from its school system, which may echo
 * what it was sent: as it is, URL-encoded, in JSON, HTML, base64 or hexadecimal digits, whole or in pieces of
 * eight characters and more.
 */
export class Secrets {
  /** Every form of eight characters and more, cut into pieces. */
  readonly #pieces = new Set<string>();
  /** Forms too short to be cut. Those that a person could read are struck as a word alone, not within another. */
  readonly #short: { form: string; isWord: boolean }[] = [];

  constructor(values: readonly string[] = []) {
    for (const value of values) this.add(value);
  }

  /** One more: struck out from now on. For what becomes known on the way, such as an access token. */
  add(value: string): void {
    if (value.length < SHORTEST) return;
    const words = new Set(readableForms(value).map(lowered));
    for (const form of new Set([...words, ...encodedForms(value).map(lowered)])) {
      if (form.length < PIECE) this.#short.push({ form, isWord: words.has(form) });
      for (let at = 0; at + PIECE <= form.length; at++) this.#pieces.add(form.slice(at, at + PIECE));
    }
  }

  /** A text from outside, free of secrets. */
  strike(text: string): string {
    if (this.#isEmpty) return text;
    const low = lowered(text);
    let struck = '';
    let kept = 0;
    for (let at = 0; at < low.length; ) {
      const end = this.#endOfSecret(low, at);
      if (end === at) {
        at += 1;
        continue;
      }
      struck += text.slice(kept, at) + STRUCK;
      at = end;
      kept = end;
    }
    return kept === 0 ? text : struck + text.slice(kept);
  }

  /** The same for whatever holds texts: plain data is copied, an error is changed where it stands. */
  clean<T>(value: T, depth = 0): T {
    if (this.#isEmpty) return value;
    if (typeof value === 'string') return this.strike(value) as T;
    if (typeof value !== 'object' || value === null || depth > DEEPEST) return value;
    if (value instanceof Error) return this.#cleanError(value, depth) as T;
    if (Array.isArray(value)) return value.map((item) => this.clean(item, depth + 1)) as T;
    if (!isPlain(value)) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => [name, this.clean(item, depth + 1)]),
    ) as T;
  }

  /** A log that says nothing of the secrets either. */
  quiet(logger: Logger): Logger {
    return new Proxy(logger, {
      get: (target, name) => {
        const value = Reflect.get(target, name) as unknown;
        if (typeof value !== 'function') return value;
        const call = (...given: unknown[]) =>
          value.apply(
            target,
            given.map((item) => this.clean(item)),
          );
        if (name === 'child') return (...given: unknown[]) => this.quiet(call(...given) as Logger);
        return LEVELS.has(name) ? call : value.bind(target);
      },
    });
  }

  get #isEmpty(): boolean {
    return this.#pieces.size + this.#short.length === 0;
  }

  /** Where a secret that begins at a place ends; the place itself when there is none. */
  #endOfSecret(low: string, at: number): number {
    let end = at;
    for (let next = at; this.#pieces.has(low.slice(next, next + PIECE)); next++) end = next + PIECE;
    if (end > at) return end;
    const short = this.#short.find(
      ({ form, isWord }) => low.startsWith(form, at) && (!isWord || standsAlone(low, at, at + form.length)),
    );
    return short === undefined ? at : at + short.form.length;
  }

  /** Message, stack, cause, and whatever else was hung on it: logs show all of it. */
  #cleanError(error: Error, depth: number): Error {
    for (const name of Object.getOwnPropertyNames(error)) {
      const property = Object.getOwnPropertyDescriptor(error, name);
      if (!property || !('value' in property) || !(property.writable || property.configurable)) continue;
      const clean = this.clean(property.value as unknown, depth + 1);
      if (clean !== property.value) Object.defineProperty(error, name, { ...property, value: clean });
    }
    // V8 makes it when it is first asked for, and it begins with the message.
    if (error.stack) error.stack = this.strike(error.stack);
    return error;
  }
}

/** Whether what stands there is no part of a longer word or number. An encoded letter before it is none of it. */
function standsAlone(low: string, start: number, end: number): boolean {
  const before = low.slice(Math.max(0, start - 3), start);
  if (LETTER.test(low.slice(end, end + 1))) return false;
  return !LETTER.test(before.slice(-1)) || /(%[0-9a-f]{2}|\\[a-z])$/.test(before);
}

/** How a value may come back, as a person can read it. */
function readableForms(value: string): string[] {
  const url = encodeURIComponent(value);
  // By the letter of RFC 3986, a few more.
  const strict = url.replace(/[!'()*~]/g, (letter) => `%${letter.charCodeAt(0).toString(16)}`);
  return [
    value,
    url,
    encodeURI(value),
    strict,
    new URLSearchParams([['', value]]).toString().slice(1),
    url.replaceAll('%20', '+'),
    JSON.stringify(value).slice(1, -1),
    JSON.stringify(value).slice(1, -1).replaceAll('/', '\\/'),
    ...htmlForms(value),
  ];
}

function encodedForms(value: string): string[] {
  const bytes = Buffer.from(value);
  return [bytes.toString('hex'), ...base64Forms(bytes)];
}

function htmlForms(value: string): string[] {
  const named: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  const marks = /[&<>"']/g;
  return [
    value.replace(marks, (letter) => named[letter] ?? '&#39;'),
    value.replace(marks, (letter) => named[letter] ?? '&#039;'),
    value.replace(marks, (letter) => `&#${letter.charCodeAt(0)};`),
    value.replace(marks, (letter) => `&#x${letter.charCodeAt(0).toString(16)};`),
  ];
}

/**
 * Base64 of the value alone, and of text in which it stands: three bytes are four letters, so there are three
 * ways to begin, and the letters at the ends depend on what stands beside it.
 */
function base64Forms(bytes: Buffer): string[] {
  const within = [0, 1, 2].map((offset) => {
    const text = unpadded(Buffer.concat([Buffer.alloc(offset), bytes]));
    return text.slice(offset === 0 ? 0 : offset + 1, (offset + bytes.length) % 3 === 0 ? undefined : -1);
  });
  return [unpadded(bytes), ...within].flatMap((text) => [
    text,
    text.replaceAll('+', '-').replaceAll('/', '_'),
    encodeURIComponent(text),
  ]);
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}

/** In small letters, at the same places: hexadecimal digits and percent signs come in both. */
function lowered(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value) as unknown;
  return prototype === Object.prototype || prototype === null;
}
