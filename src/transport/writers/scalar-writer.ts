import { ScalarType } from '@bufbuild/protobuf';
import { WireType } from '@bufbuild/protobuf/wire';
import type { GrowingBytes } from './growing-bytes.js';

const FLOAT_MAX = 3.4028234663852886e38;

/** What writes one value of a type, without its tag. Throws when the value is none of that type. */
export function scalarWriter(scalar: ScalarType, out: GrowingBytes): (value: unknown) => void {
  switch (scalar) {
    case ScalarType.STRING:
      return (value) => out.text(value as string);
    case ScalarType.BOOL:
      return (value) => out.byte(value ? 1 : 0);
    case ScalarType.BYTES:
      return (value) => {
        if (!(value instanceof Uint8Array)) throw new TypeError(`cannot write ${typeof value} as bytes`);
        out.varint(value.length);
        out.raw(value);
      };
    case ScalarType.DOUBLE:
      return (value) => out.double(number(value));
    case ScalarType.FLOAT:
      return (value) => {
        const float = number(value);
        if (Number.isFinite(float) && Math.abs(float) > FLOAT_MAX) refuse(value, 'a float');
        out.float(float);
      };
    case ScalarType.INT32:
      return (value) => {
        const int = int32(value);
        if (int < 0) out.varint64(BigInt(int));
        else out.varint(int);
      };
    case ScalarType.SINT32:
      return (value) => {
        const int = int32(value);
        out.varint(((int << 1) ^ (int >> 31)) >>> 0);
      };
    case ScalarType.SFIXED32:
      return (value) => out.fixed32(int32(value));
    case ScalarType.UINT32:
      return (value) => out.varint(uint32(value));
    case ScalarType.FIXED32:
      return (value) => out.fixed32(uint32(value));
    case ScalarType.INT64:
      return (value) => out.varint64(int64(value));
    case ScalarType.UINT64:
      return (value) => out.varint64(uint64(value));
    case ScalarType.SINT64:
      return (value) => {
        const int = int64(value);
        out.varint64(BigInt.asUintN(64, (int << 1n) ^ (int >> 63n)));
      };
    case ScalarType.SFIXED64:
      return (value) => out.fixed64(int64(value));
    case ScalarType.FIXED64:
      return (value) => out.fixed64(uint64(value));
  }
}

export function wireTypeOf(scalar: ScalarType): WireType {
  switch (scalar) {
    case ScalarType.STRING:
    case ScalarType.BYTES:
      return WireType.LengthDelimited;
    case ScalarType.DOUBLE:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return WireType.Bit64;
    case ScalarType.FLOAT:
    case ScalarType.FIXED32:
    case ScalarType.SFIXED32:
      return WireType.Bit32;
    default:
      return WireType.Varint;
  }
}

/** Whether a value is the zero of its type, which is not written where presence is implied. -0 is none. */
export function isZero(scalar: ScalarType, value: unknown): boolean {
  switch (scalar) {
    case ScalarType.STRING:
      return value === '';
    case ScalarType.BOOL:
      return value === false;
    case ScalarType.BYTES:
      return (value as Uint8Array).length === 0;
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return Object.is(value, 0);
    default:
      return value === 0 || value === 0n || value === '0';
  }
}

function number(value: unknown): number {
  return typeof value === 'number' ? value : refuse(value, 'a number');
}

function int32(value: unknown): number {
  return Number.isInteger(value) && (value as number) === ((value as number) | 0)
    ? (value as number)
    : refuse(value, 'an int32');
}

function uint32(value: unknown): number {
  return Number.isInteger(value) && (value as number) === (value as number) >>> 0
    ? (value as number)
    : refuse(value, 'a uint32');
}

function int64(value: unknown): bigint {
  const int = whole(value);
  return BigInt.asIntN(64, int) === int ? int : refuse(value, 'an int64');
}

function uint64(value: unknown): bigint {
  const int = whole(value);
  return BigInt.asUintN(64, int) === int ? int : refuse(value, 'a uint64');
}

function whole(value: unknown): bigint {
  return typeof value === 'bigint' ? value : BigInt(value as string | number);
}

function refuse(value: unknown, wanted: string): never {
  throw new RangeError(`cannot write ${String(value)} as ${wanted}`);
}
