import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { WireType } from '@bufbuild/protobuf/wire';
import { GrowingBytes } from './growing-bytes.js';
import { isZero, scalarWriter, wireTypeOf } from './scalar-writer.js';
import { fieldsOf, getterOf, holdsJson, isImplicit, type Shape, unwrapped } from './shape.js';
import { structWriter } from './struct-writer.js';

type Write = (value: never) => void;

/** Messages are written one at a time, each to its end. */
const out = new GrowingBytes();
const known = new WeakMap<DescMessage, (message: Shape) => void>();

/**
 * What writes messages of a kind in protobuf's binary form, as `toBinary` of protobuf-es does. It is made once
 * from the descriptor, and takes shapes of messages as well. Throws when a field has a value out of its range.
 */
export function binaryWriterOf(desc: DescMessage): (message: Shape) => Buffer {
  const write = messageWriter(desc);
  return (message) => out.collect(() => write(message));
}

/** The same for the messages of a stream, each in its envelope, in one piece. */
export function envelopesWriterOf(desc: DescMessage): (messages: readonly Shape[]) => Buffer {
  const write = messageWriter(desc);
  return (messages) =>
    out.collect(() => {
      for (const message of messages) out.enveloped(write, message);
    });
}

/** Texts of a stream, each in its envelope, in one piece. */
export function inEnvelopes(texts: readonly string[]): Buffer {
  return out.collect(() => {
    for (const text of texts) out.enveloped(() => out.raw(Buffer.from(text)), text);
  });
}

function messageWriter(desc: DescMessage): (message: Shape) => void {
  const found = known.get(desc);
  if (found) return found;
  let fields: ((message: Shape) => void)[] | undefined;
  const write = (message: Shape) => {
    // Not when the writer is made: a message may be within itself.
    fields ??= fieldsOf(desc).map(fieldWriter);
    for (const field of fields) field(message);
    // What a newer program said is passed on.
    for (const { no, wireType, data } of message.$unknown ?? []) {
      out.varint(tagOf(no, wireType));
      out.raw(data);
    }
  };
  known.set(desc, write);
  return write;
}

function fieldWriter(field: DescField): (message: Shape) => void {
  const get = getterOf(field);
  const write = valueWriter(field) as (value: unknown) => void;
  const isUnset = isImplicit(field) ? zeroTest(field) : () => false;
  return (message) => {
    const value = get(message);
    if (value !== undefined && value !== null && !isUnset(value)) write(value);
  };
}

function zeroTest(field: DescField): (value: unknown) => boolean {
  if (field.fieldKind === 'enum') return (value) => value === field.enum.values[0]?.number;
  if (field.fieldKind === 'scalar') return (value) => isZero(field.scalar, value);
  return () => false;
}

function valueWriter(field: DescField): Write {
  switch (field.fieldKind) {
    case 'list':
      return listWriter(field);
    case 'map':
      return mapWriter(field);
    default: {
      const inner = unwrapped(field);
      if (!inner) return tagged(field.number, field);
      const write = tagged(inner.number, inner) as (value: unknown) => void;
      const tag = tagOf(field.number, WireType.LengthDelimited);
      const isUnset = zeroTest(inner);
      return (value: unknown) => {
        out.varint(tag);
        out.nested((wrapped) => {
          if (!isUnset(wrapped)) write(wrapped);
        }, value);
      };
    }
  }
}

function listWriter(field: DescField & { fieldKind: 'list' }): Write {
  if (!field.packed) {
    const write = tagged(field.number, field) as (value: unknown) => void;
    return (list: unknown[]) => {
      for (const value of list) write(value);
    };
  }
  const write = scalarWriter(field.scalar ?? ScalarType.INT32, out);
  const tag = tagOf(field.number, WireType.LengthDelimited);
  const all = (list: unknown[]) => {
    for (const value of list) write(value);
  };
  return (list: unknown[]) => {
    if (list.length === 0) return;
    out.varint(tag);
    out.nested(all, list);
  };
}

function mapWriter(field: DescField & { fieldKind: 'map' }): Write {
  const writeKey = scalarWriter(field.mapKey, out);
  const keyTag = tagOf(1, wireTypeOf(field.mapKey));
  const writeValue = tagged(2, field) as (value: unknown) => void;
  const tag = tagOf(field.number, WireType.LengthDelimited);
  const entry = ([key, value]: [string, unknown]) => {
    out.varint(keyTag);
    writeKey(keyOf(field.mapKey, key));
    writeValue(value);
  };
  return (map: Record<string, unknown>) => {
    for (const pair of Object.entries(map)) {
      out.varint(tag);
      out.nested(entry, pair);
    }
  };
}

/** Keys of maps are the names of an object in JavaScript. */
function keyOf(scalar: ScalarType, key: string): unknown {
  if (scalar === ScalarType.STRING) return key;
  return scalar === ScalarType.BOOL ? key === 'true' : Number.isSafeInteger(Number(key)) ? Number(key) : key;
}

/** Writes a tag and one value of a field; of a list or map, of one element. */
function tagged(number: number, field: DescField): Write {
  const { message, scalar = ScalarType.INT32 } = field;
  if (message) {
    const tag = tagOf(number, WireType.LengthDelimited);
    let write: ((value: never) => void) | undefined;
    return (value: never) => {
      write ??= holdsJson(field) ? structWriter(out) : messageWriter(message);
      out.varint(tag);
      out.nested(write, value);
    };
  }
  const write = scalarWriter(scalar, out);
  const tag = tagOf(number, wireTypeOf(scalar));
  return (value: unknown) => {
    out.varint(tag);
    write(value);
  };
}

function tagOf(number: number, wireType: WireType): number {
  return ((number << 3) | wireType) >>> 0;
}
