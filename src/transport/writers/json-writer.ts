import {
  create,
  type DescEnum,
  type DescField,
  type DescMessage,
  getOption,
  ScalarType,
  toJson,
} from '@bufbuild/protobuf';
import { base64Encode } from '@bufbuild/protobuf/wire';
import { nullable } from '../../../gen/smartid/api/v1/annotations_pb.js';
import { jsonObject, jsonText, jsonTime } from './json-text.js';
import { fieldsOf, getterOf, holdsJson, isImplicit, type Shape, TIMESTAMP, unwrapped } from './shape.js';

/** Writes a message as JSON. Throws when a field has a value that JSON cannot hold. */
export type JsonWriter = (message: Shape) => string;
type ValueWriter = (value: never) => string;
/** Adds a field to the text of a message, which begins with `{`. */
type FieldWriter = (message: Shape, text: string) => string;

/**
 * rpc: the JSON of RPCs. rest: fields that the contract marks as nullable are there, as null, when they are
 * absent.
 */
export type JsonForm = 'rpc' | 'rest';

const known: Record<JsonForm, WeakMap<DescMessage, JsonWriter>> = { rpc: new WeakMap(), rest: new WeakMap() };

/**
 * What writes messages of a kind: the canonical JSON of protobuf with zero values, false and empty lists
 * written out, as `toJson` of protobuf-es with `alwaysEmitImplicit` does, but for fields of an enum that are
 * unspecified, which are left out. It is made once from the descriptor, and takes shapes of messages as well.
 */
export function jsonWriterOf(desc: DescMessage, form: JsonForm = 'rpc'): JsonWriter {
  const found = known[form].get(desc);
  if (found) return found;
  const writer = makeWriter(desc, form);
  known[form].set(desc, writer);
  return writer;
}

/** What writes the value of one field of a message; `null` when it has none. */
export function jsonFieldWriterOf(field: DescField, form: JsonForm = 'rpc'): JsonWriter {
  const get = getterOf(field);
  const write = valueWriter(field, form) as (value: unknown) => string;
  const zero = (isImplicit(field) ? zeroOf(field) : undefined) ?? 'null';
  return (message) => {
    const value = get(message);
    return value === undefined || value === null ? zero : write(value);
  };
}

function makeWriter(desc: DescMessage, form: JsonForm): JsonWriter {
  if (desc.typeName === TIMESTAMP) return jsonTime as JsonWriter;
  if (desc.typeName.startsWith('google.protobuf.'))
    return (message) => JSON.stringify(toJson(desc, create(desc, message), { alwaysEmitImplicit: true }));
  let fields: FieldWriter[] | undefined;
  return (message) => {
    // Not when the writer is made: a message may be within itself.
    fields ??= fieldsOf(desc).map((field) => fieldWriter(field, form));
    let text = '{';
    for (const write of fields) text = write(message, text);
    return `${text}}`;
  };
}

function fieldWriter(field: DescField, form: JsonForm): FieldWriter {
  const get = getterOf(field);
  const write = valueWriter(field, form) as (value: unknown) => string;
  const first = `${jsonText(field.jsonName)}:`;
  const further = `,${first}`;
  const add = (text: string, value: string) => text + (text.length === 1 ? first : further) + value;
  const isNullable = form === 'rest' && getOption(field, nullable);
  const zero = isNullable ? 'null' : isImplicit(field) ? zeroOf(field) : undefined;
  const isLeftOut = field.fieldKind === 'enum' && isUnspecified(field.enum);
  return (message, text) => {
    const value = get(message);
    if (value === undefined || value === null) return zero === undefined ? text : add(text, zero);
    if (isLeftOut && value === 0) return text;
    return add(text, write(value));
  };
}

/** What is written of a field that is not set; undefined: nothing. */
function zeroOf(field: DescField): string | undefined {
  switch (field.fieldKind) {
    case 'list':
      return '[]';
    case 'map':
      return '{}';
    case 'scalar':
      return scalarWriter(field.scalar)(field.getDefaultValue() ?? zeroScalar(field.scalar));
    case 'enum':
      return isUnspecified(field.enum) ? undefined : enumWriter(field.enum)(0 as never);
    default:
      return undefined;
  }
}

function isUnspecified({ values }: DescEnum): boolean {
  return values[0]?.number === 0 && values[0].name.endsWith('_UNSPECIFIED');
}

function valueWriter(field: DescField, form: JsonForm): ValueWriter {
  switch (field.fieldKind) {
    case 'list': {
      const write = elementWriter(field, form) as (value: unknown) => string;
      return (list: unknown[]) => {
        let text = '[';
        for (const value of list) text += text.length === 1 ? write(value) : `,${write(value)}`;
        return `${text}]`;
      };
    }
    case 'map': {
      const write = elementWriter(field, form) as (value: unknown) => string;
      return (map: Record<string, unknown>) => {
        let text = '{';
        for (const key of Object.keys(map))
          text += `${text.length === 1 ? '' : ','}${jsonText(key)}:${write(map[key])}`;
        return `${text}}`;
      };
    }
    default: {
      const inner = unwrapped(field);
      return elementWriter(inner ?? field, form);
    }
  }
}

function elementWriter(field: DescField, form: JsonForm): ValueWriter {
  if (field.message) {
    if (holdsJson(field)) return jsonObject as ValueWriter;
    const { message } = field;
    let write: JsonWriter | undefined;
    return ((value: Shape) => {
      write ??= jsonWriterOf(message, form);
      return write(value);
    }) as ValueWriter;
  }
  if (field.enum) return enumWriter(field.enum);
  return scalarWriter(field.scalar as ScalarType) as ValueWriter;
}

function enumWriter(desc: DescEnum): ValueWriter {
  if (desc.typeName === 'google.protobuf.NullValue') return () => 'null';
  const names = new Map(desc.values.map(({ number, name }) => [number, jsonText(name)]));
  // A number that the contract does not know yet.
  return (value: number) => names.get(value) ?? integer(value);
}

function scalarWriter(scalar: ScalarType): (value: unknown) => string {
  switch (scalar) {
    case ScalarType.STRING:
      return jsonText as (value: unknown) => string;
    case ScalarType.BOOL:
      return (value) =>
        value === true ? 'true' : value === false ? 'false' : refuse(value, 'true or false');
    case ScalarType.BYTES:
      return (value) => (value instanceof Uint8Array ? `"${base64Encode(value)}"` : refuse(value, 'bytes'));
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return decimal;
    case ScalarType.INT64:
    case ScalarType.UINT64:
    case ScalarType.SINT64:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return (value) =>
        typeof value === 'bigint' || typeof value === 'string' || Number.isInteger(value)
          ? `"${value}"`
          : refuse(value, 'a whole number');
    default:
      return integer;
  }
}

function integer(value: unknown): string {
  return typeof value === 'number' && Number.isFinite(value) ? `${value}` : refuse(value, 'a number');
}

function decimal(value: unknown): string {
  if (typeof value !== 'number') return refuse(value, 'a number');
  return Number.isFinite(value) ? `${value}` : `"${value}"`;
}

function zeroScalar(scalar: ScalarType): unknown {
  if (scalar === ScalarType.STRING) return '';
  if (scalar === ScalarType.BOOL) return false;
  return scalar === ScalarType.BYTES ? new Uint8Array() : 0;
}

function refuse(value: unknown, wanted: string): never {
  throw new TypeError(`cannot write ${typeof value} as ${wanted}`);
}
