import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { MappingEntityType } from '../../../../src/index.js';
import { ENTITY_SPECS } from '../../../../src/roster/index.js';
import {
  DIGEST_BYTES,
  DIGEST_VERSION,
  digestKey,
  digestOf,
  digestsOf,
} from '../../../../src/sync/pipeline/stage/digest.js';
import type { EntityRecord } from '../../../../src/sync/pipeline/stage/stage-record.js';
import { cleanExternalId, cleanValue, type FieldKind } from '../../../../src/values/index.js';

const SPEC = ENTITY_SPECS[MappingEntityType.STUDENT];
const SCHOOL = '00000000-0000-4000-8000-000000000001';
const KEY = digestKey(SCHOOL, {});
const digest = (record: Partial<EntityRecord>, key = KEY) =>
  digestOf(key, SPEC, { externalId: '1', ...record }).toString('hex');

describe('the digest of a record', () => {
  const different: [what: string, records: Partial<EntityRecord>[]][] = [
    [
      'nothing said, said to be empty, and the word null',
      [{}, { email: null }, { email: '' }, { email: 'null' }, { email: 'undefined' }],
    ],
    [
      'values that moved to the next field',
      [
        { givenName: 'a', familyName: '' },
        { givenName: '', familyName: 'a' },
      ],
    ],
    [
      'values that are parted in another place',
      [
        { givenName: 'ab', familyName: 'c' },
        { givenName: 'a', familyName: 'bc' },
      ],
    ],
    ['ids that end where the next value begins', [{ externalId: '1true' }, { externalId: '1' }]],
    ['active and not', [{}, { active: false }]],
    [
      'spaces and letters in other forms',
      [{ givenName: 'Ana' }, { givenName: ' Ana' }, { givenName: 'ana' }],
    ],
    ['a letter composed and decomposed', [{ givenName: '\u00f1' }, { givenName: 'n\u0303' }]],
    ['a number and its text in metadata', [{ metadata: { a: 1 } }, { metadata: { a: '1' } }]],
    ['no metadata and empty metadata', [{}, { metadata: {} }]],
    ['metadata and a last field that reads like it', [{ metadata: { a: 'b' } }, { birthDate: '{"a":"b"}' }]],
  ];
  for (const [what, records] of different) {
    it(`tells apart ${what}`, () => {
      expect(new Set(records.map((record) => digest(record))).size).to.equal(records.length);
    });
  }

  const equal: [what: string, a: Partial<EntityRecord>, b: Partial<EntityRecord>][] = [
    ['fields in another order', { givenName: 'a', email: 'b' }, { email: 'b', givenName: 'a' }],
    ['active said and left out', {}, { active: true }],
    ['a field left out and undefined', {}, { email: undefined }],
    ['another line', { line: 2 }, { line: 7 }],
    ['other cells', { cells: ['a'] }, { cells: ['b'] }],
  ];
  for (const [what, a, b] of equal) {
    it(`is the same for ${what}`, () => {
      expect(digest(a)).to.equal(digest(b));
    });
  }

  it('has 16 bytes, and another value in each school and under each policy', () => {
    const keys = [
      KEY,
      digestKey('00000000-0000-4000-8000-000000000002', {}),
      digestKey(SCHOOL, { email: 'SMARTID' }),
      digestKey(SCHOOL, { email: 'FILL' }),
      digestKey(SCHOOL, { code: 'FILL' }),
    ];
    expect(digest({})).to.have.length(DIGEST_BYTES * 2);
    expect(new Set(keys.map((key) => digest({}, key))).size).to.equal(keys.length);
    expect(digestKey(SCHOOL, { email: 'SOURCE', code: 'SOURCE' })).to.equal(KEY);
    expect(digestKey(SCHOOL, { email: 'FILL', code: 'FILL' })).to.equal(
      digestKey(SCHOOL, { code: 'FILL', email: 'FILL' }),
    );
  });
});

describe('the digests of fingerprints', () => {
  const fingerprints = Buffer.from(
    Array.from({ length: DIGEST_BYTES * 300 }, (_, i) => (i * i + (i >> 4)) % 256),
  );
  const slices = (all: Buffer) =>
    Array.from({ length: all.length / DIGEST_BYTES }, (_, i) =>
      all.toString('hex', i * DIGEST_BYTES, (i + 1) * DIGEST_BYTES),
    );

  it('are equal where the fingerprints and the keys are, and leave the fingerprints as they are', () => {
    const before = Buffer.from(fingerprints);
    const digests = slices(digestsOf(KEY, fingerprints));
    expect(digests).to.deep.equal(slices(digestsOf(KEY, fingerprints)));
    expect(new Set(digests).size).to.equal(new Set(slices(fingerprints)).size);
    expect(fingerprints.equals(before)).to.equal(true);
  });

  it('are all others under another key', () => {
    const digests = new Set(slices(digestsOf(KEY, fingerprints)));
    const others = slices(digestsOf(digestKey(SCHOOL, { email: 'FILL' }), fingerprints));
    expect(others.filter((one) => digests.has(one))).to.deep.equal([]);
  });
});

describe('the version of digests', () => {
  const samples = ['', ' a ', 'n\u0303', 'a\u00a0 b', 'A@x.cl', 'x@', '12.345.678-5', '12345678-5', '11.111.111-1', '11.111.111-2', 'S/N', '0',
    '-', '2026-03-02', '2/3/2026', '2026-03-02T10:00', '31/02/2026', 'a\0b', '\ud800', 'x'.repeat(2_001)]; // biome-ignore format: a table
  const kinds: FieldKind[] = ['text', 'name', 'email', 'nationalId', 'date'];

  it('is raised whenever values are cleaned in another way, so that rows that are known are looked at again', () => {
    const cleaned = kinds.map((kind) => samples.map((sample) => toText(cleanValue(kind, sample))));
    const ids = samples.map((sample) => toText(cleanExternalId(sample)));
    const rules = createHash('sha256')
      .update(JSON.stringify([cleaned, ids]))
      .digest('hex')
      .slice(0, 16);
    expect({ version: DIGEST_VERSION, rules }, 'raise DIGEST_VERSION, and note both here').to.deep.equal({
      version: 3,
      rules: '999dddb9fb7aa4c2',
    });
  });
});

/** What a value is cleaned to; the words about a broken one do not matter. */
function toText(value: ReturnType<typeof cleanValue>): string | null {
  return value === null || typeof value === 'string' ? value : `broken: ${value.rule}`;
}
