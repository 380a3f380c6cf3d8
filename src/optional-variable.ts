import { z } from 'zod';

/** An empty variable is the same as none: shells and compose files write both. */
export const optional = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => (value === '' ? undefined : value), schema);

/** The entries of a list that is separated by commas; empty ones count for nothing. */
export function listOf(text: string): string[] {
  return text.split(',').flatMap((entry) => entry.trim() || []);
}
