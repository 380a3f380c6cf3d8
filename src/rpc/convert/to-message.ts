import type { JsonObject } from '@bufbuild/protobuf';
import type { Timestamp } from '@bufbuild/protobuf/wkt';

/**
 * Domain values and enum names to messages. Numbers of an enum are looked up by the name that the domain
 * uses.
 */

/** The number of an enum value by its documented name. */
export function enumValue<E extends Record<string, string | number>>(
  values: E,
  name: string,
): Extract<E[keyof E], number> {
  const value = values[name];
  if (typeof value !== 'number') throw new Error(`enum has no value ${name}`);
  return value as Extract<E[keyof E], number>;
}

/** The documented name of an enum value; undefined for the unspecified one. */
export function enumName<E extends Record<string, string | number>>(
  values: E,
  value: number,
): string | undefined {
  return value === 0 ? undefined : (values[value] as string | undefined);
}

export function timestamp(date: Date | null | undefined): Timestamp | undefined {
  if (!date) return undefined;
  const ms = date.getTime();
  const seconds = Math.floor(ms / 1_000);
  // By hand, since lists have two of each row.
  return {
    $typeName: 'google.protobuf.Timestamp',
    seconds: BigInt(seconds),
    nanos: (ms - seconds * 1_000) * 1_000_000,
  };
}

export function json(value: object): JsonObject {
  return value as JsonObject;
}

/** proto3 optional fields: absent rather than null. */
export function optional<T>(value: T | null | undefined): T | undefined {
  return value ?? undefined;
}

/**
 * Many messages of a stream at once, which go through the interceptors and out to the caller together, each a
 * message of its own: the transport takes lists where a stream is to yield a message.
 */
export function together<T>(messages: T[]): T {
  return messages as unknown as T;
}
