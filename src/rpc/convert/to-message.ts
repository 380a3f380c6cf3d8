import type { JsonObject } from '@bufbuild/protobuf';
import { type Timestamp, timestampFromDate } from '@bufbuild/protobuf/wkt';

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
  return date ? timestampFromDate(date) : undefined;
}

export function json(value: object): JsonObject {
  return value as JsonObject;
}

/** proto3 optional fields: absent rather than null. */
export function optional<T>(value: T | null | undefined): T | undefined {
  return value ?? undefined;
}
