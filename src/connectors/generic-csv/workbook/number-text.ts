import { format, getFormatDateInfo, getFormatInfo } from 'numfmt';

/** Formats that have a number and no text, ECMA-376 18.8.30, as far as they change what is said. */
const BUILT_IN: Readonly<Record<number, string>> = { 1: '0', 14: 'yyyy-mm-dd', 22: 'yyyy-mm-dd hh:mm' };
const DATES = [14, 15, 16, 17, 22, ...range(27, 31), 36, ...range(50, 54), 57, 58];
const TIMES = [18, 19, 20, 21, 32, 33, 34, 35, 45, 46, 47, 55, 56];

/** Days from 1899-12-30 on, as Excel counts; its year 1900 has a 29th of February. */
const DAYS_BEFORE_1970 = 25_569;
const DAYS_OF_1904 = 1_462;
const LAST_DAY = 2_958_465;
const DAY_SECONDS = 86_400;

/** How the numbers of a style are written. */
export type NumberText = (value: number) => string;

/** As a plain number: all digits, no exponent, no separators. Excel itself keeps 15 digits. */
export const plainNumber: NumberText = (value) => {
  if (Number.isInteger(value)) return BigInt(value).toString();
  const rounded = Number(value.toPrecision(15));
  const text = String(rounded);
  return text.includes('e') ? rounded.toFixed(20).replace(/\.?0+$/, '') : text;
};

/**
 * How numbers of a format are written: dates as ISO, ids with the zeros and signs that the format gives them,
 * all else as plain numbers. `is1904`: whether days are counted from 1904 on, as old Macs did.
 */
export function numberTextOf(id: number, code: string | undefined, is1904: boolean): NumberText {
  const own = code ?? BUILT_IN[id];
  if (code === undefined && DATES.includes(id)) return dateText({ is1904, time: id === 22 });
  if (code === undefined && TIMES.includes(id)) return timeText;
  if (own === undefined) return plainNumber;
  try {
    const info = getFormatInfo(own);
    if (info.isDate) {
      const { year, month, day, hours, minutes, seconds } = getFormatDateInfo(own);
      // "mm:ss" is told as a month by its first letters.
      const isDate = year || day || (month && !(hours || minutes || seconds));
      return isDate ? dateText({ is1904, time: hours }) : timeText;
    }
    const isId = info.type === 'number' && info.maxDecimals === 0 && info.scale === 1 && own !== '0';
    if (!isId) return plainNumber;
    return (value) =>
      Number.isSafeInteger(value) && value >= 0 ? format(own, value).trim() : plainNumber(value);
  } catch {
    // A format that nobody understands says nothing.
    return plainNumber;
  }
}

function dateText({ is1904, time }: { is1904: boolean; time: boolean }): NumberText {
  return (value) => {
    const serial = is1904 ? value + DAYS_OF_1904 : value;
    if (!(serial >= 0 && serial < LAST_DAY + 1)) return plainNumber(value);
    const days = serial < 60 ? serial + 1 : serial;
    const seconds = Math.round((days - DAYS_BEFORE_1970) * DAY_SECONDS);
    const iso = new Date(seconds * 1_000).toISOString();
    return time && seconds % DAY_SECONDS !== 0 ? iso.slice(0, 19) : iso.slice(0, 10);
  };
}

const timeText: NumberText = (value) => {
  const seconds = Math.round(value * DAY_SECONDS);
  if (seconds < 0 || !Number.isSafeInteger(seconds)) return plainNumber(value);
  const two = (part: number) => String(Math.floor(part)).padStart(2, '0');
  return `${two(seconds / 3_600)}:${two((seconds / 60) % 60)}:${two(seconds % 60)}`;
};

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}
