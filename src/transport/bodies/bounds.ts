import { invalidFields, ServiceError } from '../../errors.js';

/** How much one request may ask to be understood. */
export interface BodyBounds {
  /** Bytes of one message, unpacked. */
  bytes: number;
  /** Objects and lists within one another. */
  depth: number;
  /** Keys of objects and elements of lists, all together. */
  entries: number;
}

/** Understanding a body takes time by its entries and by its depth, not by its bytes alone. */
export const MOST_DEPTH = 64;
export const MOST_ENTRIES = 10_000;

export function tooLarge(bytes: number): ServiceError {
  return new ServiceError('resource_exhausted', `The body has more than ${bytes} bytes.`, {
    reason: 'BODY_TOO_LARGE',
    violations: [{ field: 'body', description: `has more than ${bytes} bytes; send less at once` }],
  });
}

export function tooDeep({ depth }: BodyBounds): ServiceError {
  return invalidFields(
    [{ field: 'body', description: `has more than ${depth} objects and lists within one another` }],
    'BODY_TOO_DEEP',
  );
}

export function tooManyEntries({ entries }: BodyBounds): ServiceError {
  return invalidFields(
    [{ field: 'body', description: `has more than ${entries} keys and elements; send less at once` }],
    'BODY_TOO_COMPLEX',
  );
}

export function malformed(description: string): ServiceError {
  return invalidFields([{ field: 'body', description }], 'MALFORMED_REQUEST');
}
