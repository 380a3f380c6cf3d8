import { type DescMessage, fromBinary, fromJsonString, type Message, ScalarType } from '@bufbuild/protobuf';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { ServiceError } from '../../errors.js';
import { type BodyBounds, malformed, tooDeep, tooManyEntries } from './bounds.js';

/** An entry of a google.protobuf.Struct is an entry of a map, its key, its value, and the kind of that. */
const FIELDS_OF_AN_ENTRY = 4;
/** A google.protobuf.Struct within another is three messages deeper. */
export const MESSAGES_OF_A_LEVEL = 3;

/**
 * Reads a message in protobuf's binary form, held against the bounds. Throws `invalid_argument` when it passes
 * one, or is no such message.
 */
export function readBinary(desc: DescMessage, bytes: Uint8Array, bounds: BodyBounds): Message {
  try {
    countFields(desc, bytes, bounds);
    return fromBinary(desc, bytes, { recursionLimit: recursionLimit(bounds) });
  } catch (error) {
    if (error instanceof ServiceError) throw error;
    throw malformed(`is not a ${desc.typeName} in the binary form of protobuf`);
  }
}

/** The same for a message in JSON whose bounds were looked at: throws `invalid_argument` when it is none. */
export function readJson(desc: DescMessage, bytes: Uint8Array, bounds: BodyBounds): Message {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return fromJsonString(desc, text, { recursionLimit: recursionLimit(bounds) });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw malformed(`is not a ${desc.typeName} in JSON: ${why.replace(/^.*?from JSON: /, '')}`);
  }
}

/** Messages within one another that a message may have at most, its own included. */
export function recursionLimit({ depth }: Pick<BodyBounds, 'depth'>): number {
  return (depth + 2) * MESSAGES_OF_A_LEVEL;
}

function countFields(desc: DescMessage, bytes: Uint8Array, bounds: BodyBounds): void {
  const reader = new BinaryReader(bytes);
  const deepest = recursionLimit(bounds);
  let count = 0;
  const add = (fields: number) => {
    count += fields;
    if (count > bounds.entries * FIELDS_OF_AN_ENTRY) throw tooManyEntries(bounds);
  };
  const walk = (fields: Fields, end: number, depth: number) => {
    if (depth > deepest) throw tooDeep(bounds);
    while (reader.pos < end) {
      const [number, wireType] = reader.tag();
      add(1);
      // No message of ours has groups, which would have to be walked through to be skipped.
      if (wireType === WireType.StartGroup) throw malformed('has a group, which no message here has');
      if (wireType !== WireType.LengthDelimited) {
        reader.skip(wireType, number);
        continue;
      }
      const length = reader.uint32();
      const inner = fields(number);
      if (reader.pos + length > end) throw malformed('ends in the middle of a field');
      if (typeof inner === 'function') {
        walk(inner, reader.pos + length, depth + 1);
        continue;
      }
      if (inner === 'packed') add(length);
      reader.pos += length;
    }
  };
  walk(fieldsOf(desc), bytes.length, 1);
}

/** What the field of a number holds: fields of its own, numbers side by side, or one value. */
type Fields = (number: number) => Fields | 'packed' | undefined;

const known = new WeakMap<DescMessage, Fields>();

function fieldsOf(desc: DescMessage): Fields {
  const found = known.get(desc);
  if (found) return found;
  const fields: Fields = (number) => {
    const field = desc.fields.find((candidate) => candidate.number === number);
    switch (field?.fieldKind) {
      case 'message':
        return fieldsOf(field.message);
      case 'list':
        if (field.listKind === 'message') return fieldsOf(field.message);
        return isText(field.scalar) ? undefined : 'packed';
      case 'map':
        return field.mapKind === 'message' ? entriesOf(field.message) : () => undefined;
      default:
        return undefined;
    }
  };
  known.set(desc, fields);
  return fields;
}

/** An entry of a map is a message with its key as field 1 and its value as field 2. */
function entriesOf(value: DescMessage): Fields {
  return (number) => (number === 2 ? fieldsOf(value) : undefined);
}

function isText(scalar: ScalarType | undefined): boolean {
  return scalar === ScalarType.STRING || scalar === ScalarType.BYTES;
}
