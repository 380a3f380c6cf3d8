/** The codes of the public error model (a subset of gRPC's), as the services throw them. */
export type ErrorCode =
  | 'invalid_argument'
  | 'unauthenticated'
  | 'permission_denied'
  | 'not_found'
  | 'already_exists'
  | 'aborted'
  | 'failed_precondition'
  | 'resource_exhausted'
  | 'unimplemented'
  | 'unavailable';

/**
 * A request field that was wrong: `field` by its JSON path (`config.importPath`), `description` a sentence.
 */
export interface FieldViolation {
  field: string;
  description: string;
}

export interface ServiceErrorOptions {
  /** UPPER_SNAKE, for programs: `INTEGRATION_NOT_FOUND`. */
  reason: string;
  /** Facts for programs, for example `{ runId }`. Never a secret. */
  metadata?: Record<string, string>;
  /** The wrong fields, where the input is at fault. */
  violations?: FieldViolation[];
  cause?: unknown;
}

/**
 * The one error that services throw on purpose. Its message is a sentence that any caller may read: it holds
 * no SQL, no path of this machine and no secret. Every other error is a fault of ours and leaves as
 * `internal`.
 */
export class ServiceError extends Error {
  readonly code: ErrorCode;
  readonly reason: string;
  readonly metadata: Record<string, string>;
  readonly violations: readonly FieldViolation[];

  constructor(code: ErrorCode, message: string, options: ServiceErrorOptions) {
    super(presentable(message), { cause: options.cause });
    this.name = 'ServiceError';
    this.code = code;
    this.reason = options.reason;
    this.metadata = options.metadata ?? {};
    this.violations = options.violations ?? [];
  }
}

/** Stored credentials that cannot be opened. Its message says why, and what to do. */
export class UnopenableCredentialsError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'UnopenableCredentialsError';
  }
}

/** Wrong fields that one answer names, and characters that it tells of each, and in all: gRPC puts them in headers. */
const MOST_VIOLATIONS = 50;
const MOST_OF_ONE = 300;
const MOST_CHARACTERS = 2_000;

/** invalid_argument for wrong fields; the message joins their descriptions. Of very many, the first are told. */
export function invalidFields(violations: FieldViolation[], reason = 'INVALID_FIELDS'): ServiceError {
  const told = violations.slice(0, MOST_VIOLATIONS).map(({ field, description }) => {
    return { field: presentable(field, MOST_OF_ONE), description: presentable(description, MOST_OF_ONE) };
  });
  const sentences = told.map(({ field, description }) => `${field}: ${description}`);
  if (violations.length > told.length) sentences.push(`and ${violations.length - told.length} more`);
  return new ServiceError('invalid_argument', sentences.join('; '), { reason, violations: told });
}

/** A sentence as every protocol can carry it: not too long, and of whole letters, whatever a caller sent. */
export function presentable(text: string, most = MOST_CHARACTERS): string {
  return (text.length > most ? `${text.slice(0, most)}…` : text).toWellFormed();
}
