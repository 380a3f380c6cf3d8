import { hash } from 'node:crypto';
import type { EntitySpec } from '../entity-spec.js';
import type { StagedRow } from './stage-record.js';

/** Raised whenever the meaning of a digest changes: then every row counts as changed once. */
const VERSION = 1;

/** The key that digests of one integration begin with, so that equal rows of two schools do not look equal. */
export function digestKey(integrationId: string): string {
  return `${VERSION}\n${integrationId}\n`;
}

/** 128 bits of SHA-256 over all that a row says, key included, as 32 hex digits. Equal digests: nothing changed. */
export function digestOf(key: string, spec: EntitySpec, row: StagedRow): string {
  let text = `${key}${row.active ? 1 : 0}\u0001${row.courseExternalId ?? '\u0000'}\u0001${row.metadata ?? '\u0000'}`;
  for (const { column } of spec.fields) text += `\u0001${row.values[column] ?? '\u0000'}`;
  if (row.dropped) text += `\u0002${row.dropped.join()}`;
  return hash('sha256', text, 'hex').slice(0, 32);
}
