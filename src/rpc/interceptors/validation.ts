import { create, type DescMessage, type Message } from '@bufbuild/protobuf';
import { type Path, pathToString } from '@bufbuild/protobuf/reflect';
import { createValidator, type Validator } from '@bufbuild/protovalidate';
import type { Interceptor } from '@connectrpc/connect';
import { GetMappingRequestSchema } from '../../../gen/smartid/integrations/v1/integration_service_pb.js';
import { invalidFields } from '../../errors.js';
import { requireStorable } from '../../require-storable.js';

/**
 * Holds requests against the rules in the proto files, and refuses texts that cannot be stored. Violations
 * name fields as JSON does: `records[0].studentId`.
 */
export function validation(): Interceptor {
  const validator = createValidator();
  // The first validation compiles the rules, some 50 ms: not while somebody waits.
  validator.validate(GetMappingRequestSchema, create(GetMappingRequestSchema));
  return (next) => (request) => {
    const { input } = request.method;
    if (!request.stream) {
      check(validator, input, request.message);
      return next(request);
    }
    return next({ ...request, message: checked(validator, input, request.message) });
  };
}

async function* checked<T extends Message>(
  validator: Validator,
  desc: DescMessage,
  messages: AsyncIterable<T>,
): AsyncGenerator<T> {
  for await (const message of messages) {
    check(validator, desc, message);
    yield message;
  }
}

function check(validator: Validator, desc: DescMessage, message: Message): void {
  requireStorable(message);
  const result = validator.validate(desc, message);
  if (result.kind === 'error') throw result.error;
  if (result.kind === 'invalid') {
    throw invalidFields(
      result.violations.map((violation) => ({
        field: jsonPath(violation.field),
        description: violation.message,
      })),
    );
  }
}

function jsonPath(path: Path): string {
  return pathToString(path).replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
