import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import fc from 'fast-check';

type Shape = Record<string, unknown>;

const text = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary', maxLength: 80 }),
  fc.constantFrom(
    '',
    'Ñandú',
    '"quoted\\"',
    'half \ud800 of one',
    '\u2028',
    '\u007f',
    'x'.repeat(300),
    'ñ'.repeat(60),
  ),
);
const number = fc.oneof(fc.double(), fc.constantFrom(0, -0, Number.NaN, Infinity, -Infinity, 1e21, 5e-324));
const int32 = fc.oneof(fc.integer(), fc.constantFrom(0, 127, 128, -1, 2_147_483_647, -2_147_483_648));
const uint32 = fc.oneof(fc.nat(), fc.constantFrom(0, 4_294_967_295));
const int64 = fc.oneof(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), fc.constantFrom(0n, -1n, 2n ** 53n, 300n));
const uint64 = fc.oneof(fc.bigInt(0n, 2n ** 64n - 1n), fc.constantFrom(0n, 2n ** 32n));
// An object cannot be given this name as others are.
const key = text.filter((name) => name !== '__proto__');
const { json } = fc.letrec<{ json: unknown }>((tie) => ({
  json: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.oneof(text, fc.double({ noNaN: true, noDefaultInfinity: true }), fc.boolean(), fc.constant(null)),
    fc.array(tie('json'), { maxLength: 3 }),
    fc.dictionary(key, tie('json'), { maxKeys: 3, noNullPrototype: true }),
  ),
}));
const struct = fc.dictionary(key, json, { maxKeys: 3, noNullPrototype: true });
/** Fields of a program that knows more. */
export const unknownFields = fc.array(
  fc.record({
    no: fc.constantFrom(20_001, 20_002),
    wireType: fc.constant(2),
    data: fc.constant(new Uint8Array([1, 7])),
  }),
  { maxLength: 2 },
);

/** Shapes of a message with any values that it can have, as those who answer write them. */
export function shapesOf(desc: DescMessage, depth = 3): fc.Arbitrary<Shape> {
  const fixed = wellKnown(desc);
  if (fixed) return fixed;
  const plain = desc.fields.filter((field) => !field.oneof && (depth > 0 || !field.message));
  const properties: Record<string, fc.Arbitrary<unknown>> = {};
  for (const field of plain) properties[field.localName] = valuesOf(field, depth - 1);
  for (const oneof of desc.oneofs) {
    const choices = oneof.fields.filter((field) => depth > 0 || !field.message);
    const some = choices.map((field) =>
      fc.record({ case: fc.constant(field.localName), value: valuesOf(field, depth - 1) }),
    );
    properties[oneof.localName] = fc.oneof(fc.constant({ case: undefined }), ...some);
  }
  const required = desc.oneofs.map(({ localName }) => localName);
  return fc.record(properties, { requiredKeys: required as never, noNullPrototype: true });
}

function valuesOf(field: DescField, depth: number): fc.Arbitrary<unknown> {
  if (field.fieldKind === 'list') return fc.array(elementsOf(field, depth), { maxLength: 3 });
  if (field.fieldKind === 'map') {
    const keys = keysOf(field.mapKey);
    return fc.dictionary(keys, elementsOf(field, depth), { maxKeys: 3, noNullPrototype: true });
  }
  const wrapped = field.message && !field.oneof && /\.(String|Int64)Value$/.test(field.message.typeName);
  return wrapped ? scalarsOf(field.message.fields[0]?.scalar as ScalarType) : elementsOf(field, depth);
}

function elementsOf(field: DescField, depth: number): fc.Arbitrary<unknown> {
  if (field.message) {
    if (field.message.typeName === 'google.protobuf.Struct') return struct;
    return shapesOf(field.message, depth);
  }
  if (field.enum) return fc.constantFrom(...field.enum.values.map((value) => value.number), 99);
  return scalarsOf(field.scalar as ScalarType);
}

function keysOf(scalar: ScalarType): fc.Arbitrary<string> {
  if (scalar === ScalarType.STRING) return key;
  return scalarsOf(scalar).map(String);
}

function scalarsOf(scalar: ScalarType): fc.Arbitrary<unknown> {
  switch (scalar) {
    case ScalarType.STRING:
      return text;
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.BYTES:
      return fc.uint8Array({ maxLength: 200 });
    case ScalarType.DOUBLE:
      return number;
    case ScalarType.FLOAT:
      return number.map(Math.fround);
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return int32;
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return uint32;
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return uint64;
    default:
      return int64;
  }
}

/** Those that have a JSON of their own: values that they can have. */
function wellKnown({ typeName }: DescMessage): fc.Arbitrary<Shape> | undefined {
  const nanos = fc.constantFrom(0, 1, 500_000_000, 120_000, 999_999_999);
  switch (typeName) {
    case 'google.protobuf.Timestamp':
      return fc.record(
        { seconds: fc.bigInt(-62_135_596_800n, 253_402_300_799n), nanos },
        { noNullPrototype: true },
      );
    case 'google.protobuf.Duration':
      return fc.record({ seconds: fc.bigInt(0n, 315_576_000_000n - 1n), nanos }, { noNullPrototype: true });
    case 'google.protobuf.Any':
      return fc.constant({});
    case 'google.protobuf.FieldMask':
      return fc.constant({ paths: ['a', 'b_c'] });
    case 'google.protobuf.Value':
      return fc.constantFrom(
        { kind: { case: 'stringValue', value: 'x' } },
        { kind: { case: 'nullValue', value: 0 } },
      );
    case 'google.protobuf.ListValue':
      return fc.constantFrom({ values: [] }, { values: [{ kind: { case: 'boolValue', value: true } }] });
    case 'google.protobuf.Struct':
      return fc.constantFrom({ fields: {} }, { fields: { a: { kind: { case: 'numberValue', value: 2 } } } });
    default:
      return undefined;
  }
}
