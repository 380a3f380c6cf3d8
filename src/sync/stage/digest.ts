import { hash } from 'node:crypto';
import type { Text } from '../../connectors/index.js';
import type { EntitySpec } from '../entity-spec.js';
import type { EntityRecord } from './stage-record.js';

/** Raised whenever rows are cleaned or compared in another way: then every row is looked at once. */
const VERSION = 2;

export const DIGEST_BYTES = 16;

/** The key that digests of one integration begin with, so that equal rows of two schools do not look equal. */
export function digestKey(integrationId: string): string {
  return `${VERSION}\n${integrationId}\n`;
}

/** 128 bits of SHA-256 over all that a record says, as it is written. Equal digests: nothing changed. */
export function digestOf(key: string, spec: EntitySpec, record: EntityRecord): Buffer {
  let text = `${key}${record.externalId}\u0001${record.active ?? true}\u0001${told(record.courseExternalId)}`;
  for (const { field } of spec.fields) text += `\u0001${told(record[field as keyof EntityRecord] as Text)}`;
  if (record.metadata !== undefined) text += `\u0001${JSON.stringify(record.metadata)}`;
  return hash('sha256', text, 'buffer').subarray(0, DIGEST_BYTES);
}

/** The digests of rows that were told by fingerprints: they too are others in another version. */
export function digestsOf(fingerprints: Buffer): Buffer {
  const digests = Buffer.from(fingerprints);
  for (let offset = 0; offset < digests.length; offset += DIGEST_BYTES) digests[offset] = VERSION;
  return digests;
}

/** Nothing said, said to be empty, and the word "null" are three things. */
function told(value: Text): string {
  return value ?? (value === null ? '\u0002' : '\u0003');
}
