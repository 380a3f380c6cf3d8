import type { Message } from '@bufbuild/protobuf';
import { MethodOptions_IdempotencyLevel as Idempotency } from '@bufbuild/protobuf/wkt';
import {
  Code,
  type ConnectError,
  type Interceptor,
  type StreamRequest,
  type UnaryRequest,
} from '@connectrpc/connect';
import { codeToString } from '@connectrpc/connect/protocol-connect';
import type { Refusal } from '../../audit/index.js';
import type { Logger } from '../../observability/index.js';

type Request = UnaryRequest | StreamRequest;

export interface RefusalsOptions {
  /** Writes it down. */
  record: (refusal: Refusal) => Promise<void>;
  logger: Logger;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
/** Whoever has no right to a call is written down whatever it is; else what would have changed something. */
const NO_RIGHT = [Code.Unauthenticated, Code.PermissionDenied];

/** Has every refused call written down that would have changed something, or that nobody had a right to. */
export function refusals({ record, logger }: RefusalsOptions): Interceptor {
  return (next) => async (given) => {
    const { request, first } = noted(given);
    try {
      return await next(request);
    } catch (error) {
      // What is thrown here has been mapped by the interceptors within.
      const { code, rawMessage } = error as ConnectError;
      const isRead = request.method.idempotency === Idempotency.NO_SIDE_EFFECTS;
      if (!isRead || NO_RIGHT.includes(code)) {
        const refusal = {
          ...namesOf(request, first() ?? {}),
          code: codeToString(code),
          message: rawMessage,
        };
        // The answer is the refusal, whatever becomes of its note.
        await record(refusal).catch((err: unknown) =>
          logger.error({ err, refusal }, 'a refusal was not written down'),
        );
      }
      throw error;
    }
  };
}

/** Of a stream of messages the first says what it is about; undefined: nothing has come yet. */
function noted(request: Request): { request: Request; first: () => Message | undefined } {
  if (!request.stream) return { request, first: () => request.message };
  let first: Message | undefined;
  async function* messages(given: AsyncIterable<Message>) {
    for await (const message of given) {
      first ??= message;
      yield message;
    }
  }
  return { request: { ...request, message: messages(request.message) }, first: () => first };
}

function namesOf({ service, method }: Request, message: object) {
  const { institutionId, id, session } = message as {
    institutionId?: unknown;
    id?: unknown;
    session?: { institutionId?: unknown };
  };
  const ofIntegrations = service.typeName.startsWith('smartid.integrations.');
  return {
    service: service.typeName,
    method: method.name,
    institutionId: asUuid(institutionId ?? session?.institutionId),
    integrationId: ofIntegrations ? asUuid(id) : undefined,
  };
}

function asUuid(value: unknown): string | undefined {
  return typeof value === 'string' && UUID.test(value) ? value : undefined;
}
