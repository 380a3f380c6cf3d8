import type { PhpValue } from './form.js';
import { refuse } from './moodle-exception.js';

type Kind = 'int' | 'text' | 'bool' | 'list' | 'pairs' | 'struct';

/** The parameters a function takes: their kind, and a question mark when they may be left out. */
export type Signature = Record<string, Kind | `${Kind}?`>;

/** Parameters that were checked against a signature. */
export class Parameters {
  constructor(private readonly values: Record<string, PhpValue>) {}

  int(name: string, otherwise = 0): number {
    const value = this.values[name];
    return value === undefined ? otherwise : Number(value);
  }

  text(name: string, otherwise = ''): string {
    const value = this.values[name];
    return typeof value === 'string' ? value : otherwise;
  }

  list(name: string): string[] {
    return items(this.values[name]).map(String);
  }

  /** The list inside a struct, such as `options[ids][]`; undefined when it is not there. */
  listIn(name: string, key: string): string[] | undefined {
    const struct = this.values[name];
    const value =
      struct !== undefined && typeof struct === 'object' && !Array.isArray(struct) ? struct[key] : undefined;
    return value === undefined ? undefined : items(value).map(String);
  }

  /** A list of `{ name, value }`, the last of a name winning. */
  pairs(name: string): Map<string, string> {
    const rows = items(this.values[name]) as { name: string; value: string }[];
    return new Map(rows.map((row) => [row.name, row.value]));
  }
}

/**
 * Checks parameters as Moodle does: a missing one, a strange one and a wrong type are all refused without
 * detail.
 */
export function checkParameters(signature: Signature, given: Record<string, PhpValue>): Parameters {
  for (const [name, rule] of Object.entries(signature)) {
    const value = given[name];
    const missing = value === undefined;
    if (missing ? !rule.endsWith('?') : !fits(rule.replace('?', '') as Kind, value)) {
      throw refuse.parameter();
    }
  }
  if (Object.keys(given).some((name) => !(name in signature))) {
    throw refuse.parameter();
  }
  return new Parameters(given);
}

/** Whether a text is what Moodle takes for an integer: no spaces, no plus sign, no leading zeros. */
export function isInteger(value: PhpValue): boolean {
  return typeof value === 'string' && /^(0|-?[1-9]\d*)$/.test(value);
}

/** Moodle takes any PHP array for a list, whatever its keys. */
function items(value: PhpValue | undefined): PhpValue[] {
  return typeof value === 'object' ? Object.values(value) : [];
}

function fits(kind: Kind, value: PhpValue): boolean {
  switch (kind) {
    case 'int':
      return isInteger(value);
    case 'text':
      return typeof value === 'string';
    case 'bool':
      return typeof value === 'string' && /^(0|1|true|false|)$/.test(value);
    case 'list':
      return typeof value === 'object' && items(value).every((item) => typeof item === 'string');
    case 'pairs':
      return typeof value === 'object' && items(value).every(isPair);
    case 'struct':
      return typeof value === 'object';
  }
}

function isPair(value: PhpValue): boolean {
  if (typeof value !== 'object' || Array.isArray(value)) {
    return false;
  }
  const known = Object.keys(value).every((key) => key === 'name' || key === 'value');
  return known && typeof value.name === 'string' && typeof value.value === 'string';
}
