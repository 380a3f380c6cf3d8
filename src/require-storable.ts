import { invalidFields } from './errors.js';
import { findUnstorable } from './values/index.js';

/**
 * Throws `invalid_argument` that names every text inside `input` that PostgreSQL cannot store: one with a NUL
 * character or half of a character. For all that a caller says and that is stored, or looked up, as it is.
 */
export function requireStorable(input: object): void {
  const found = findUnstorable(input);
  if (found.length === 0) return;
  throw invalidFields(
    found.map(({ path, problem }) => ({ field: path, description: `${problem}, which cannot be stored` })),
    'UNSTORABLE_TEXT',
  );
}
