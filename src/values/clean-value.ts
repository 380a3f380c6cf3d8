import { z } from 'zod';
import { checkNationalId } from './national-id.js';

/** How a field's text is cleaned and checked. */
export type FieldKind = 'text' | 'name' | 'email' | 'nationalId' | 'date';

/** A value that cannot be used. */
export interface BrokenValue {
  rule: string;
  /** The end of a sentence that begins with the field. */
  problem: string;
  /** What to do about it. */
  hint: string;
}

/** Characters a text may have at most; longer ones are no school data but a broken file. */
export const MAX_TEXT = 2_000;
const MAX_EMAIL = 254;

const NOT_PLAIN = /[^\x20-\x7e]/;
const SPACES = /\s{2,}|[^\S ]/;
const ISO_DATE = /^(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ].*)?$/;
const LOCAL_DATE = /^(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})(?:[T ].*)?$/;

/** Unicode NFC without halves of characters, ends trimmed; null when nothing is left. */
export function cleanText(raw: string | null | undefined): string | null {
  if (raw === null || raw === undefined || raw === '') return null;
  const text = typeof raw === 'string' ? raw : String(raw);
  const clean = (NOT_PLAIN.test(text) ? text.toWellFormed().normalize('NFC') : text).trim();
  return clean === '' ? null : clean;
}

/** Cleans and checks one value by its kind. */
export function cleanValue(kind: FieldKind, raw: string | null | undefined): string | null | BrokenValue {
  const text = cleanText(raw);
  if (text === null) return null;
  if (text.length > MAX_TEXT) {
    return broken('text.too_long', `is ${text.length} characters long; ${MAX_TEXT} fit`, 'Shorten it.');
  }
  if (text.includes('\0'))
    return broken(
      'text.nul',
      'holds a NUL character',
      'Export the file again; the character is not visible.',
    );
  switch (kind) {
    case 'text':
      return text;
    case 'name':
      return SPACES.test(text) ? text.replace(/\s+/g, ' ') : text;
    case 'email':
      return text.length <= MAX_EMAIL && z.regexes.email.test(text)
        ? text
        : broken(
            'email.invalid',
            `${quoted(text)} is not a valid address`,
            'Correct the address or leave it empty.',
          );
    case 'nationalId': {
      const check = checkNationalId(text);
      return check.ok
        ? check.value
        : broken(
            'national_id.check_digit',
            `${quoted(text)} fails the check digit of a ${check.kind}`,
            'Look for a typing error.',
          );
    }
    case 'date': {
      const hint = 'Write it as 2026-03-02 or 02/03/2026 (day, month, year).';
      return readDate(text) ?? broken('date.unreadable', `${quoted(text)} is not a date`, hint);
    }
  }
}

/** A value as sentences show it. */
export function quoted(text: string): string {
  return `"${text.length > 80 ? `${text.slice(0, 77)}…` : text}"`;
}

function broken(rule: string, problem: string, hint: string): BrokenValue {
  return { rule, problem, hint };
}

function readDate(text: string): string | null {
  const iso = ISO_DATE.exec(text);
  const local = iso ? null : LOCAL_DATE.exec(text);
  const [year, month, day] = iso ? [iso[1], iso[2], iso[3]] : local ? [local[3], local[2], local[1]] : [];
  if (!year || !month || !day || Number(year) < 1900) return null;
  if (Number(day) < 1 || Number(day) > daysIn(Number(month), Number(year))) return null;
  return `${year}-${month.padStart(2, '0')}-${day.padStart(2, '0')}`;
}

/** Days of a month; 0 when there is no such month. */
function daysIn(month: number, year: number): number {
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  return [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] ?? 0;
}
