import {
  create,
  createRegistry,
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  type Message,
  type MessageInitShape,
  toBinary,
} from '@bufbuild/protobuf';
import { type Code, ConnectError } from '@connectrpc/connect';
import { BadRequestSchema, ErrorInfoSchema } from '../../../gen/google/rpc/error_details_pb.js';

/** Says that an answer was given before. */
const REPLAYED = 'idempotent-replayed';
/** What errors carry. */
const DETAILS = createRegistry(ErrorInfoSchema, BadRequestSchema);

interface RecordedError {
  code: Code;
  message: string;
  details: [type: string, value: string][];
}

const packed = (desc: DescMessage, value: object) =>
  Buffer.from(toBinary(desc, create(desc, value as MessageInitShape<typeof desc>))).toString('base64');

const unpacked = (desc: DescMessage, value: string) => fromBinary(desc, Buffer.from(value, 'base64'));

/** An answer as texts, with the headers that it has. It may be the shape of a message. */
export function recordedAnswer(
  { output }: DescMethodUnary,
  answer: object,
  header: readonly [name: string, value: string][],
): Record<string, string> {
  return { message: packed(output, answer), header: JSON.stringify(header) };
}

/** The same answer once more. */
export function answerAgain(
  { output }: DescMethodUnary,
  { message = '', header = '[]' }: Record<string, string>,
  responseHeader: Headers,
): Message {
  for (const [name, value] of JSON.parse(header) as [string, string][]) responseHeader.set(name, value);
  responseHeader.set(REPLAYED, 'true');
  return unpacked(output, message);
}

/** An error that was answered, as texts. */
export function recordedError({ code, rawMessage, details }: ConnectError): Record<string, string> {
  const outgoing = details.flatMap((detail) => ('desc' in detail ? [detail] : []));
  const recorded: RecordedError = {
    code,
    message: rawMessage,
    details: outgoing.map(({ desc, value }) => [desc.typeName, packed(desc, value)]),
  };
  return { error: JSON.stringify(recorded) };
}

/** The same error once more. */
export function errorAgain(recorded: Record<string, string>): ConnectError {
  const { code, message, details }: RecordedError = JSON.parse(recorded.error ?? '');
  const error = new ConnectError(message, code, { [REPLAYED]: 'true' });
  for (const [type, value] of details) {
    const desc = DETAILS.getMessage(type);
    if (desc) error.details.push({ desc, value: unpacked(desc, value) });
  }
  return error;
}
