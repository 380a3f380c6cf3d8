import { createHash } from 'node:crypto';
import {
  type DescMessage,
  type DescMethod,
  type DescMethodUnary,
  type DescService,
  type JsonValue,
  type Message,
  toJson,
} from '@bufbuild/protobuf';
import { MethodOptions_IdempotencyLevel as Idempotency } from '@bufbuild/protobuf/wkt';
import { Code, type HandlerContext, type ServiceImpl } from '@connectrpc/connect';
import { currentCaller } from '../../audit/index.js';
import { invalidFields, ServiceError } from '../../errors.js';
import type { KeptAnswers } from '../../idempotency/index.js';
import { requestIdOf } from '../interceptors/index.js';
import { toConnectError } from '../to-connect-error.js';
import { answerAgain, errorAgain, recordedAnswer, recordedError } from './recorded-answer.js';

const HEADER = 'idempotency-key';
/** Characters that can be seen, and blanks. */
const GOOD = /^[\x20-\x7e]{1,255}$/;

/** Of these the same call may go well a moment later: its key is given back. */
const PASSING = [
  Code.Unavailable,
  Code.Aborted,
  Code.ResourceExhausted,
  Code.DeadlineExceeded,
  Code.Canceled,
];
/** But not of those that say that what was begun goes on. */
const GOES_ON = ['SYNC_GOES_ON', 'SYNC_WAITS'];

type Implementation = (input: Message, context: HandlerContext) => unknown;

/**
 * The same implementation of a service, which answers a call that changes something and bears an Idempotency-Key as it
 * did the first one with that key of that caller. Without the header it costs a look. It is the innermost, behind all
 * interceptors: only there the headers are those of the answer, and of no protocol.
 */
export function answeredOnce<S extends DescService>(
  { methods }: S,
  implementation: ServiceImpl<S>,
  answers: KeptAnswers,
): ServiceImpl<S> {
  const parts: Record<string, unknown> = { ...implementation };
  for (const method of methods) {
    const carryOut = parts[method.localName] as Implementation | undefined;
    if (carryOut && isChange(method)) parts[method.localName] = withKey(answers, method, carryOut);
  }
  return parts as ServiceImpl<S>;
}

function isChange(method: DescMethod): method is DescMethodUnary {
  return method.methodKind === 'unary' && method.idempotency !== Idempotency.NO_SIDE_EFFECTS;
}

function withKey(answers: KeptAnswers, method: DescMethodUnary, carryOut: Implementation): Implementation {
  return (message, context) => {
    const key = context.requestHeader.get(HEADER);
    if (key === null) return carryOut(message, context);
    const actor = currentCaller()?.actor;
    if (actor === undefined) return carryOut(message, context);
    if (!GOOD.test(key)) {
      const description = 'must have 1 to 255 characters of ASCII, such as a random UUID';
      throw invalidFields([{ field: 'Idempotency-Key', description }], 'IDEMPOTENCY_KEY_INVALID');
    }
    const call = {
      actor,
      method: `${method.parent.typeName}/${method.name}`,
      key,
      request: hashOf(method.input, message),
    };
    return once({ answers, call, method, context, carryOut: () => carryOut(message, context) });
  };
}

interface Asked {
  answers: KeptAnswers;
  call: Parameters<KeptAnswers['begin']>[0];
  method: DescMethodUnary;
  context: HandlerContext;
  carryOut: () => unknown;
}

async function once({ answers, call, method, context, carryOut }: Asked): Promise<unknown> {
  const begun = await answers.begin(call);
  if (begun.answer) {
    if (begun.answer.error !== undefined) throw errorAgain(begun.answer);
    return answerAgain(method, begun.answer, context.responseHeader);
  }
  // That of a protocol is there before.
  const before = new Set(context.responseHeader.keys());
  let answer: object;
  try {
    answer = (await carryOut()) as object;
  } catch (error) {
    const mapped = toConnectError(error, requestIdOf(context.values));
    const goesOn = error instanceof ServiceError && GOES_ON.includes(error.reason);
    const isPassing = PASSING.includes(mapped.code) && !goesOn;
    await begun.fail(error, isPassing ? undefined : () => recordedError(mapped));
    throw error;
  }
  const header = [...context.responseHeader].filter(([name]) => !before.has(name));
  await begun.keep(() => recordedAnswer(method, answer, header));
  return answer;
}

/** The same for the same request, by whichever protocol and in whichever order its JSON came. */
function hashOf(desc: DescMessage, message: Message): string {
  return createHash('sha256')
    .update(JSON.stringify(sorted(toJson(desc, message))))
    .digest('hex');
}

function sorted(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, each]) => [name, sorted(each)]));
}
