import { once } from 'node:events';
import http2 from 'node:http2';
import {
  create,
  type DescField,
  type DescMessage,
  type DescMethod,
  type Message,
  ScalarType,
  toBinary,
  toJson,
} from '@bufbuild/protobuf';
import { expect } from 'chai';
import { IdukayPushService } from '../../gen/smartid/integrations/v1/idukay_push_service_pb.js';
import { IntegrationService } from '../../gen/smartid/integrations/v1/integration_service_pb.js';
import { RosterService } from '../../gen/smartid/roster/v1/roster_service_pb.js';
import { rest, sharedService, TOKEN } from '../support/service.js';

/** Messages a protocol; ANY_MESSAGES=20000 for a long look. */
const COUNT = Number(process.env.ANY_MESSAGES ?? 300);
// What all others ask for must stay.
const METHODS = [IntegrationService, RosterService, IdukayPushService]
  .flatMap(({ methods }) => methods)
  .filter(({ name }) => name !== 'DeleteIntegration');
const FAULTS = new Set(['internal', 'unknown', '13', '2', '500']);

/** mulberry32: the same numbers for the same seed. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

class AnyMessages {
  readonly #next: () => number;
  readonly #texts: readonly string[];

  constructor(seed: number, texts: readonly string[]) {
    this.#next = numbers(seed);
    this.#texts = texts;
  }

  below(count: number): number {
    return Math.floor(this.#next() * count);
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)] as T;
  }

  message(desc: DescMessage, depth = 0): Message {
    const fields = desc.fields.filter(() => this.#next() < 0.8);
    const init = Object.fromEntries(fields.map((field) => [field.localName, this.#value(field, depth)]));
    return create(desc, oneOfEach(desc, init));
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256));
  }

  /** Good bytes with a few that are others, or cut off. */
  damaged(bytes: Uint8Array): Uint8Array {
    const copy = Uint8Array.from(bytes);
    for (let i = this.below(4); i > 0 && copy.length > 0; i--)
      copy[this.below(copy.length)] = this.below(256);
    return this.#next() < 0.3 ? copy.subarray(0, this.below(copy.length + 1)) : copy;
  }

  #value(field: DescField, depth: number): unknown {
    switch (field.fieldKind) {
      case 'list':
        return Array.from({ length: this.below(4) }, () =>
          field.listKind === 'message' ? this.#inner(field.message, depth) : this.#single(field),
        );
      case 'map':
        return Object.fromEntries(
          Array.from({ length: this.below(3) }, () => [
            this.pick(this.#texts),
            field.mapKind === 'message' ? this.#inner(field.message, depth) : this.#single(field),
          ]),
        );
      case 'message':
        return this.#inner(field.message, depth);
      default:
        return this.#single(field);
    }
  }

  #inner(desc: DescMessage, depth: number): unknown {
    if (desc.typeName === 'google.protobuf.Struct')
      return Object.fromEntries(
        Array.from({ length: this.below(4) }, () => [this.pick(this.#texts), this.#json()]),
      );
    return depth > 4 ? create(desc) : this.message(desc, depth + 1);
  }

  #json(): unknown {
    return this.pick([null, true, 1e308, -1, this.pick(this.#texts), [this.pick(this.#texts)], { a: {} }]);
  }

  #single(field: DescField): unknown {
    if (field.enum) return this.pick([0, 1, 2, 3, 99, -1, 2_147_483_647]);
    const scalar =
      field.fieldKind === 'scalar' || field.fieldKind === 'list' || field.fieldKind === 'map'
        ? field.scalar
        : undefined;
    switch (scalar) {
      case ScalarType.BOOL:
        return this.pick([true, false]);
      case ScalarType.STRING:
        return this.pick(this.#texts);
      case ScalarType.BYTES:
        return this.bytes(this.below(10));
      case ScalarType.DOUBLE:
      case ScalarType.FLOAT:
        return this.pick([0, 0.5, 100, -1, Number.NaN, Number.POSITIVE_INFINITY]);
      case ScalarType.INT64:
      case ScalarType.SINT64:
      case ScalarType.SFIXED64:
        return this.pick([0n, 1n, -1n, 253_402_300_800n, 2n ** 63n - 1n, -(2n ** 63n)]);
      case ScalarType.UINT64:
      case ScalarType.FIXED64:
        return this.pick([0n, 1n, 2n ** 64n - 1n]);
      case ScalarType.UINT32:
      case ScalarType.FIXED32:
        return this.pick([0, 1, 10, 1_000, 4_294_967_295]);
      default:
        return this.pick([0, 1, -1, 999_999_999, 2_147_483_647, -2_147_483_648]);
    }
  }
}

/** At most one field of each oneof. */
function oneOfEach(desc: DescMessage, init: Record<string, unknown>): Record<string, unknown> {
  for (const oneof of desc.oneofs) {
    const [first] = oneof.fields.filter(({ localName }) => localName in init);
    for (const { localName } of oneof.fields) if (localName !== first?.localName) delete init[localName];
    if (first) {
      init[oneof.localName] = { case: first.localName, value: init[first.localName] };
      delete init[first.localName];
    }
  }
  return init;
}

function envelope(message: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

const headers = { authorization: `Bearer ${TOKEN}` };
const pathOf = (method: DescMethod) => `/${method.parent.typeName}/${method.name}`;

describe('any message', () => {
  let url: string;
  let texts: string[];

  before(async () => {
    ({ url } = await sharedService());
    const institutionId = '7a3c1f0e-52b4-4c8e-9d0a-0f6f3c1f2b11';
    const { body } = await rest(url, 'POST', '/integrations', {
      institutionId,
      provider: 'GENERIC_CSV',
      config: { importPath: '.' },
    });
    const token = (...parts: string[]) => Buffer.from(JSON.stringify(parts)).toString('base64url');
    texts = [
      ...Array<string>(4).fill(body.id),
      ...Array<string>(4).fill(institutionId),
      institutionId.toUpperCase(),
      '',
      '\0',
      'a\0b',
      'x',
      'GENERIC_CSV',
      'STUDENT',
      '\ud83d\ude00'.repeat(50),
      'x'.repeat(300),
      token('2026-99-99T99:99:99Z', body.id),
      token('2026-02-31T00:00:00Z', body.id),
      token('99999999999'),
      token('999999999999999999', '99999999999'),
      token(body.id, body.id, '9999999999'),
      token('STUDENT', '\0'),
      token('STUDENT', 'x'),
      'bm8',
    ];
  });

  async function faultsOf(
    seed: number,
    call: (any: AnyMessages, method: DescMethod) => Promise<string>,
  ): Promise<string[]> {
    const any = new AnyMessages(seed, texts);
    const faults = new Set<string>();
    for (let i = 0; i < COUNT; i += 10) {
      const calls = Array.from({ length: 10 }, async () => {
        const method = any.pick(METHODS);
        const code = await call(any, method);
        if (FAULTS.has(code.split(' ', 1)[0] as string)) faults.add(`${method.name}: ${code}`);
      });
      await Promise.all(calls);
    }
    return [...faults];
  }

  const binary = (any: AnyMessages, { input }: DescMethod): Uint8Array => {
    const kind = any.below(10);
    if (kind === 0) return any.bytes(any.below(60));
    const bytes = toBinary(input, any.message(input));
    return kind < 4 ? any.damaged(bytes) : bytes;
  };

  const json = (any: AnyMessages, { input }: DescMethod): string => {
    const message = any.message(input);
    try {
      const text = JSON.stringify(toJson(input, message));
      return any.below(10) < 3 ? Buffer.from(any.damaged(Buffer.from(text))).toString() : text;
    } catch {
      // Values that JSON cannot write.
      return '{"startsAt":"99999-01-01T00:00:00Z","pageSize":-1}';
    }
  };

  const post = async (path: string, type: string, body: string | Uint8Array) => {
    const response = await fetch(url + path, {
      method: 'POST',
      headers: { ...headers, 'content-type': type },
      body,
    });
    return { status: response.status, text: await response.text() };
  };

  it('in the binary form of Connect is answered by no fault of the service', async function () {
    this.timeout(0);
    const faults = await faultsOf(1, async (any, method) => {
      if (method.methodKind !== 'unary') return 'skipped';
      const { text, status } = await post(pathOf(method), 'application/proto', binary(any, method));
      return status === 200 ? 'ok' : `${(JSON.parse(text) as { code: string }).code} ${text}`;
    });
    expect(faults).to.deep.equal([]);
  });

  it('in the JSON of Connect is answered by no fault of the service', async function () {
    this.timeout(0);
    const faults = await faultsOf(2, async (any, method) => {
      if (method.methodKind !== 'unary') return 'skipped';
      const { text, status } = await post(pathOf(method), 'application/json', json(any, method));
      return status === 200 ? 'ok' : `${(JSON.parse(text) as { code: string }).code} ${text}`;
    });
    expect(faults).to.deep.equal([]);
  });

  it('of gRPC-Web is answered by no fault of the service', async function () {
    this.timeout(0);
    const faults = await faultsOf(3, async (any, method) => {
      const { text } = await post(
        pathOf(method),
        'application/grpc-web+proto',
        envelope(binary(any, method)),
      );
      return `${/grpc-status: ?(\d+)/.exec(text)?.[1]} ${text.slice(-200)}`;
    });
    expect(faults).to.deep.equal([]);
  });

  it('of gRPC is answered by no fault of the service', async function () {
    this.timeout(0);
    const session = http2.connect(url);
    const faults = await faultsOf(4, async (any, method) => {
      const stream = session.request({
        ':path': pathOf(method),
        ':method': 'POST',
        ...headers,
        'content-type': 'application/grpc',
        te: 'trailers',
      });
      const told: Record<string, unknown> = {};
      stream
        .on('response', (given) => Object.assign(told, given))
        .on('trailers', (given) => Object.assign(told, given));
      stream.resume();
      stream.end(envelope(binary(any, method)));
      await once(stream, 'close');
      return `${told['grpc-status']} ${told['grpc-message']}`;
    });
    session.destroy();
    expect(faults).to.deep.equal([]);
  });

  it('over REST is answered by no fault of the service', async function () {
    this.timeout(0);
    const paths = [
      '/integrations',
      '/integrations/{}',
      '/integrations/{}/sync',
      '/integrations/{}/mappings',
      '/integrations/{}/runs',
      '/institutions/{}/students',
      '/institutions/{}/class-sessions/{}',
      '/institutions/{}/class-sessions/{}/attendance',
      '/institutions/{}/students/{}',
      '/institutions/{}/roster-changes',
      '/integrations/{}/deliveries',
      '/idukay/{}/{}',
    ];
    const faults = await faultsOf(5, async (any, method) => {
      const path = any.pick(paths).replaceAll('{}', () => encodeURIComponent(any.pick(texts)));
      const verb = any.pick(['GET', 'POST', 'PUT', 'PATCH']);
      const query = any.below(2)
        ? `?pageToken=${encodeURIComponent(any.pick(texts))}&pageSize=${any.pick(['1', '-1', 'x'])}`
        : '';
      const body = verb === 'GET' || verb === 'DELETE' ? undefined : json(any, method);
      const type = { 'content-type': 'application/json' };
      const response = await fetch(url + path + query, {
        method: verb,
        headers: { ...headers, ...(body !== undefined && type) },
        ...(body !== undefined && { body }),
      });
      const text = await response.text();
      return `${response.status} ${verb} ${path}${query} ${text}`;
    });
    expect(faults).to.deep.equal([]);
  });

  it('with a time beyond the year 9999 stores nothing', async () => {
    const id = '00000000-0000-4000-8000-000000000009';
    const desc = RosterService.method.putClassSession.input;
    const session = {
      id,
      institutionId: texts[4],
      courseId: id,
      startsAt: { seconds: 1n },
      endsAt: { seconds: 253_402_300_800n },
    };
    const body = toBinary(desc, create(desc, { session } as never));
    const { status, text } = await post(
      pathOf(RosterService.method.putClassSession),
      'application/proto',
      body,
    );
    expect(status, text).to.equal(400);
    expect(text).to.match(/session\.endsAt.*years 1 to 9999/);
  });
});
