import { create, type DescMessage, type Message } from '@bufbuild/protobuf';
import {
  type Path,
  pathToString,
  type ReflectList,
  type ReflectMessage,
  reflect,
} from '@bufbuild/protobuf/reflect';
import { type Timestamp, TimestampSchema } from '@bufbuild/protobuf/wkt';
import { createValidator, type Validator, type Violation } from '@bufbuild/protovalidate';
import type { Interceptor } from '@connectrpc/connect';
import { GetMappingRequestSchema } from '../../../gen/smartid/integrations/v1/integration_service_pb.js';
import { type FieldViolation, invalidFields } from '../../errors.js';
import { requireStorable } from '../../require-storable.js';

let compiled: Validator | undefined;

/**
 * Compiles the rules, which takes the first validation some 50 ms: while nobody waits, and once for all of this
 * process.
 */
export function compileRules(): Validator {
  if (!compiled) {
    compiled = createValidator();
    compiled.validate(GetMappingRequestSchema, create(GetMappingRequestSchema));
  }
  return compiled;
}

/**
 * Holds requests against the rules in the proto files, and refuses texts that cannot be stored. Violations
 * name fields as JSON does: `records[0].studentId`.
 */
export function validation(): Interceptor {
  const validator = compileRules();
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
        description: describe(violation),
      })),
    );
  }
  if (!hasTimes(desc)) return;
  const times = impossibleTimes(reflect(desc, message));
  if (times.length > 0) throw invalidFields(times);
}

/** What is wrong; of an enum, the names that it may have: rules know their numbers only. */
function describe({ field, message, ruleId }: Violation): string {
  if (ruleId === 'message.oneof') return inCamelCase(message);
  const values = field.findLast((part) => part.kind === 'field')?.enum?.values;
  if (!values) return message;
  const listed = new Set(/list \[(.*)\]/.exec(message)?.[1]?.split(', ').map(Number));
  const mustBeListed = message.includes('must be in list');
  const good = values.filter(({ number }) => number !== 0 && listed.has(number) === mustBeListed);
  return `must be one of ${good.map(({ name }) => name).join(', ')}`;
}

/** Times within the years 1 to 9999, which is what JSON can write and the database keeps. */
const FIRST_SECOND = -62_135_596_800n;
const LAST_SECOND = 253_402_300_799n;

function impossibleTimes(message: ReflectMessage, path = ''): FieldViolation[] {
  if (message.desc.typeName === TimestampSchema.typeName) {
    const { seconds, nanos } = message.message as Timestamp;
    const isPossible =
      seconds >= FIRST_SECOND && seconds <= LAST_SECOND && nanos >= 0 && nanos <= 999_999_999;
    return isPossible ? [] : [{ field: path, description: 'must be a time of the years 1 to 9999' }];
  }
  return message.fields.flatMap((field) => {
    const at = path ? `${path}.${field.jsonName}` : field.jsonName;
    if (!hasTimes(field.message) || !message.isSet(field)) return [];
    if (field.fieldKind === 'message') return impossibleTimes(message.get(field), at);
    if (field.fieldKind !== 'list') return [];
    return [...(message.get(field) as ReflectList<ReflectMessage>)].flatMap((item, index) =>
      impossibleTimes(item, `${at}[${index}]`),
    );
  });
}

const known = new WeakMap<DescMessage, boolean>();

/** Whether a message is a time or has one somewhere. */
function hasTimes(desc: DescMessage | undefined): boolean {
  if (!desc) return false;
  const found = known.get(desc);
  if (found !== undefined) return found;
  // A message within itself tells nothing new.
  known.set(desc, false);
  const has =
    desc.typeName === TimestampSchema.typeName || desc.fields.some(({ message }) => hasTimes(message));
  known.set(desc, has);
  return has;
}

function jsonPath(path: Path): string {
  return inCamelCase(pathToString(path));
}

/** Names of fields as JSON has them. */
function inCamelCase(text: string): string {
  return text.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
