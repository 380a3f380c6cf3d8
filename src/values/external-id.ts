import { type BrokenValue, cleanText } from './clean-value.js';

/** Characters that an id of a school system may have at most. */
export const MAX_EXTERNAL_ID = 255;

/**
 * The one form of an id of a school system: Unicode NFC, ends trimmed. All that stores an external id, or
 * looks one up, calls this first, so that "N1 " and "N1" are never two people.
 */
export function cleanExternalId(raw: string | null | undefined): string | BrokenValue {
  const id = cleanText(raw);
  if (id === null) {
    return {
      rule: 'id.missing',
      problem: 'the row has no id',
      hint: "Every row needs the id it has in the school's system.",
    };
  }
  if (id.length > MAX_EXTERNAL_ID) {
    const problem = `the id is ${id.length} characters long; ${MAX_EXTERNAL_ID} fit`;
    return { rule: 'id.too_long', problem, hint: 'Look whether columns have moved.' };
  }
  if (id.includes('\0'))
    return { rule: 'id.nul', problem: 'the id holds a NUL character', hint: 'Export the file again.' };
  return id;
}
