import { create, type DescMessage, type Message, toBinary, toJsonString } from '@bufbuild/protobuf';
import { TimestampSchema } from '@bufbuild/protobuf/wkt';
import { expect } from 'chai';
import fc from 'fast-check';
import { HealthCheckResponseSchema } from '../../../gen/grpc/health/v1/health_pb.js';
import { GetMappingsResponseSchema } from '../../../gen/smartid/integrations/v1/integration_service_pb.js';
import { SyncIssueSchema } from '../../../gen/smartid/integrations/v1/sync_pb.js';
import { services } from '../../../src/rpc/index.js';
import { binaryWriterOf, jsonWriterOf } from '../../../src/transport/writers/index.js';
import { everyType } from './every-type.js';
import { shapesOf, unknownFields } from './random-message.js';

const OPTIONS = { alwaysEmitImplicit: true };

/** Every message of the contract, and whatever is within them. */
function messagesOf(roots: readonly DescMessage[]): DescMessage[] {
  const found = new Set<DescMessage>();
  const visit = (desc: DescMessage) => {
    if (found.has(desc) || desc.typeName.startsWith('google.protobuf.')) return;
    found.add(desc);
    for (const { message } of desc.fields) if (message) visit(message);
  };
  roots.forEach(visit);
  return [...found];
}

/** The JSON of protobuf-es, without the fields of enums that are unspecified. */
function expectedJson(desc: DescMessage, message: Message): string {
  const unspecified = new Set<string>();
  const collect = (of: DescMessage, seen = new Set<DescMessage>()) => {
    if (seen.has(of)) return;
    seen.add(of);
    for (const field of of.fields) {
      if (field.fieldKind === 'enum' && field.enum.values[0]?.name.endsWith('_UNSPECIFIED'))
        unspecified.add(`${field.jsonName}=${field.enum.values[0].name}`);
      if (field.message) collect(field.message, seen);
    }
  };
  collect(desc);
  return JSON.stringify(
    JSON.parse(toJsonString(desc, message, OPTIONS), (key, value) =>
      typeof value === 'string' && unspecified.has(`${key}=${value}`) ? undefined : value,
    ),
  );
}

const contract = messagesOf(
  services.flatMap(({ methods }) => methods.flatMap(({ input, output }) => [input, output])),
);

describe('the writers of messages', () => {
  for (const desc of [...contract, HealthCheckResponseSchema, everyType])
    it(`write ${desc.typeName} as protobuf-es does`, function () {
      this.timeout(30_000);
      const isEvery = desc === everyType;
      const json = jsonWriterOf(desc);
      const binary = binaryWriterOf(desc);
      fc.assert(
        fc.property(shapesOf(desc, isEvery ? 1 : 3), unknownFields, (shape, $unknown) => {
          const message = create(desc, shape as never);
          message.$unknown = $unknown as never;
          const given = { ...shape, $unknown };
          expect(binary(given).equals(toBinary(desc, message))).to.equal(true);
          expect(binary(message as never).equals(toBinary(desc, message))).to.equal(true);
          const wanted = expectedJson(desc, message);
          expect(JSON.stringify(JSON.parse(json(given)))).to.equal(wanted);
          expect(json(message as never)).to.equal(json(given));
        }),
        { numRuns: isEvery ? 300 : 30, includeErrorInReport: true },
      );
    });

  it('write every byte of JSON as protobuf-es does, where no enum is unspecified', () => {
    const desc = GetMappingsResponseSchema;
    fc.assert(
      fc.property(shapesOf(desc), (shape) => {
        const message = create(desc, shape as never) as never as { mappings: Record<string, unknown>[] };
        for (const mapping of message.mappings) Object.assign(mapping, { entityType: 3, status: 1 });
        expect(jsonWriterOf(desc)(message)).to.equal(toJsonString(desc, message as never, OPTIONS));
      }),
      { numRuns: 200, includeErrorInReport: true },
    );
  });

  it('leave out a field of an enum that is unspecified, set or not', () => {
    expect(jsonWriterOf(SyncIssueSchema)({ severity: 0 })).not.to.contain('UNSPECIFIED');
    expect(jsonWriterOf(SyncIssueSchema)({})).not.to.contain('severity');
    expect(jsonWriterOf(SyncIssueSchema)({ severity: 1 })).to.contain('"severity":"');
  });

  it('refuse what a field cannot hold', () => {
    const seconds = 253_402_300_800n;
    expect(() => jsonWriterOf(TimestampSchema)({ seconds })).to.throw('years 1 to 9999');
    const write = (mapping: object) => () => jsonWriterOf(GetMappingsResponseSchema)({ mappings: [mapping] });
    expect(write({ metadata: { a: Number.NaN } })).to.throw('NaN');
    expect(write({ id: 7 })).to.throw('number as a text');
    const bytes = (counts: object) => () => binaryWriterOf(everyType)(counts as never);
    expect(bytes({ one4: 2 ** 31 })).to.throw('an int32');
    expect(bytes({ one10: -1 })).to.throw('a uint32');
    expect(bytes({ one3: -1n })).to.throw('a uint64');
    // The next message is not touched by what failed.
    expect(binaryWriterOf(everyType)({})).to.have.length(0);
  });
});
