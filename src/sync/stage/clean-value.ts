import { z } from 'zod';
import type { FieldKind } from '../entity-spec.js';
import { checkNationalId } from './national-id.js';

export type CleanValue =
  | { value: string | null }
  /** The value cannot be used: which rule it breaks, how (the end of a sentence that begins with the field), what to do. */
  | { value: null; rule: string; problem: string; hint: string };

/** Characters a text may have at most; longer ones are no school data but a broken file. */
export const MAX_TEXT = 2_000;
const MAX_EMAIL = 254;

const NON_ASCII = /[^\x20-\x7e]/;
const ISO_DATE = /^(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ].*)?$/;
const LOCAL_DATE = /^(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})(?:[T ].*)?$/;

/** Unicode NFC, ends trimmed; null when nothing is left. */
export function cleanText(raw: string | null | undefined): string | null {
  if (raw === null || raw === undefined) return null;
  const text = String(raw);
  const clean = (NON_ASCII.test(text) ? text.normalize('NFC') : text).trim();
  return clean === '' ? null : clean;
}

/** Cleans and checks one value by its kind. */
export function cleanValue(kind: FieldKind, raw: string | null | undefined): CleanValue {
  const text = cleanText(raw);
  if (text === null) return { value: null };
  if (text.length > MAX_TEXT) {
    return broken('text.too_long', `is ${text.length} characters long; ${MAX_TEXT} fit`, 'Shorten it.');
  }
  if (text.includes('\0'))
    return broken('text.nul', 'holds a NUL character', 'Export the file again; the character is not visible.');
  switch (kind) {
    case 'text':
      return { value: text };
    case 'name':
      return { value: text.replace(/\s+/g, ' ') };
    case 'email':
      return text.length <= MAX_EMAIL && z.regexes.email.test(text)
        ? { value: text }
        : broken('email.invalid', `${quoted(text)} is not a valid address`, 'Correct the address or leave it empty.');
    case 'nationalId': {
      const check = checkNationalId(text);
      return check.ok
        ? { value: check.value }
        : broken(
            'national_id.check_digit',
            `${quoted(text)} fails the check digit of a ${check.kind}`,
            'Look for a typing error.',
          );
    }
    case 'date': {
      const date = readDate(text);
      return date
        ? { value: date }
        : broken('date.unreadable', `${quoted(text)} is not a date`, 'Write it as 2026-03-02 or 02/03/2026 (day, month, year).');
    }
  }
}

/** A value as sentences show it. */
export function quoted(text: string): string {
  return `"${text.length > 80 ? `${text.slice(0, 77)}…` : text}"`;
}

function broken(rule: string, problem: string, hint: string): CleanValue {
  return { value: null, rule, problem, hint };
}

function readDate(text: string): string | null {
  const iso = ISO_DATE.exec(text);
  const local = iso ? null : LOCAL_DATE.exec(text);
  const [year, month, day] = iso ? [iso[1], iso[2], iso[3]] : local ? [local[3], local[2], local[1]] : [];
  if (!year || !month || !day || Number(year) < 1900) return null;
  const date = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day)));
  // Date rolls 31 April over into May: a real day comes back as it went in.
  if (date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day)) return null;
  return date.toISOString().slice(0, 10);
}
