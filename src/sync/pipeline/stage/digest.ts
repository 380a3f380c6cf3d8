import { hash } from 'node:crypto';
import type { Text } from '../../../connectors/index.js';
import type { EntitySpec } from '../../../roster/index.js';
import type { EntityRecord } from './stage-record.js';

/** Raised whenever values are cleaned, or rows compared, in another way: then every row is looked at once. */
export const DIGEST_VERSION = 3;

export const DIGEST_BYTES = 16;

/** Who wins in the fields of one entity type. */
type FieldPolicies = Readonly<Record<string, string | undefined>>;

/**
 * The key of the digests of one integration and entity type. Equal rows of two schools, and of a time when
 * others won in their fields, have different digests: after a change of policy every row is looked at once.
 */
export function digestKey(integrationId: string, policies: FieldPolicies): string {
  // What is said of no field is SOURCE: to say so changes nothing.
  const others = Object.entries(policies).filter(([, policy]) => policy !== 'SOURCE');
  return `${DIGEST_VERSION}\n${integrationId}\n${JSON.stringify(others.sort())}\n`;
}

/** The same for those who only ask whether it is another one: after that every row is looked at once. */
export function comparisonOf(integrationId: string, policies: FieldPolicies): string {
  return hash('sha256', digestKey(integrationId, policies), 'base64url').slice(0, 22);
}

/** 128 bits of SHA-256 over all that a record says, as it is written. Equal digests: nothing changed. */
export function digestOf(key: string, spec: EntitySpec, record: EntityRecord): Buffer {
  let text = `${key}${record.externalId}\u0001${record.active === null ? 'unknown' : (record.active ?? true)}\u0001${told(record.courseExternalId)}`;
  for (const { field } of spec.fields) text += `\u0001${told(record[field as keyof EntityRecord] as Text)}`;
  if (record.metadata !== undefined) text += `\u0001${JSON.stringify(record.metadata)}`;
  return hash('sha256', text, 'buffer').subarray(0, DIGEST_BYTES);
}

/** The digests of rows that a connector tells by fingerprints: 16 bytes each, others under another key. */
export function digestsOf(key: string, fingerprints: Buffer): Buffer {
  const mask = hash('sha256', key, 'buffer');
  const digests = Buffer.from(fingerprints);
  const view = new DataView(digests.buffer, digests.byteOffset, digests.length);
  for (let word = 0; word < DIGEST_BYTES; word += 4) {
    const bits = mask.readInt32LE(word);
    for (let at = word; at < digests.length; at += DIGEST_BYTES)
      view.setInt32(at, view.getInt32(at, true) ^ bits, true);
  }
  return digests;
}

/** Nothing said, said to be empty, and the word "null" are three things. */
function told(value: Text): string {
  return value ?? (value === null ? '\u0002' : '\u0003');
}
