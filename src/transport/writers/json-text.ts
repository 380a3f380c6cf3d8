/** What JSON writes with a backslash: control characters, quotation marks, and halves of characters. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it is they that are looked for
const ESCAPED = /[\u0000-\u001f"\\\ud800-\udfff]/;

/** A text as JSON. */
export function jsonText(text: string): string {
  if (typeof text !== 'string') throw new TypeError(`cannot write ${typeof text} as a text`);
  // Most ids and names need no escape; the ends are all that is added to them.
  return ESCAPED.test(text) ? JSON.stringify(text) : `"${text}"`;
}

/** A google.protobuf.Struct as JSON. Throws for numbers that JSON does not have. */
export function jsonObject(object: object): string {
  let text = '{';
  for (const key of Object.keys(object)) {
    const value = jsonValue((object as Record<string, unknown>)[key]);
    text += `${text.length === 1 ? '' : ','}${jsonText(key)}:${value}`;
  }
  return `${text}}`;
}

function jsonValue(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return jsonText(value);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'number':
      if (!Number.isFinite(value)) throw new TypeError(`cannot write ${value} as a number of JSON`);
      return `${value}`;
    case 'object':
      if (value === null) return 'null';
      return Array.isArray(value) ? `[${value.map(jsonValue).join(',')}]` : jsonObject(value);
    default:
      throw new TypeError(`cannot write ${typeof value} as JSON`);
  }
}

const FIRST_SECOND = -62_135_596_800;
const LAST_SECOND = 253_402_300_799;
const DAY = 86_400;
const TWO_DIGITS = Array.from({ length: 60 }, (_, i) => String(i).padStart(2, '0'));
/** The rows of a page are mostly of one day. */
let lastDay = Number.NaN;
let lastDate = '';

/** A google.protobuf.Timestamp as JSON: RFC 3339 in UTC, with 0, 3, 6 or 9 digits of a second. */
export function jsonTime({ seconds = 0n, nanos = 0 }: { seconds?: bigint; nanos?: number }): string {
  const second = Number(seconds);
  if (!(second >= FIRST_SECOND && second <= LAST_SECOND))
    throw new RangeError(`cannot write ${second} s as a time: it must be of the years 1 to 9999`);
  if (!(nanos >= 0 && nanos <= 999_999_999)) throw new RangeError(`cannot write ${nanos} ns of a second`);
  const day = Math.floor(second / DAY);
  if (day !== lastDay) {
    lastDate = new Date(day * DAY * 1_000).toISOString().slice(0, 11);
    lastDay = day;
  }
  const rest = second - day * DAY;
  const hour = TWO_DIGITS[Math.floor(rest / 3_600)];
  const minute = TWO_DIGITS[Math.floor(rest / 60) % 60];
  return `"${lastDate}${hour}:${minute}:${TWO_DIGITS[rest % 60]}${fraction(nanos)}Z"`;
}

function fraction(nanos: number): string {
  if (nanos === 0) return '';
  const digits = String(nanos).padStart(9, '0');
  if (nanos % 1_000_000 === 0) return `.${digits.slice(0, 3)}`;
  return `.${nanos % 1_000 === 0 ? digits.slice(0, 6) : digits}`;
}
