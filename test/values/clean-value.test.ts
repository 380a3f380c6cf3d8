import { expect } from 'chai';
import { cleanValue, type FieldKind } from '../../src/values/index.js';

/** kind, raw text, clean value or the broken rule. */
const TABLE: [FieldKind, string, string | null, string?][] = [
  ['text', '  a b ', 'a b'],
  ['text', ' \t ', null],
  ['text', 'Nu\u0301n\u0303ez', 'Núñez'],
  ['text', 'x'.repeat(2_001), null, 'text.too_long'],
  ['name', ' Ana   María ', 'Ana María'],
  ['email', ' ana.soto@colegio.cl ', 'ana.soto@colegio.cl'],
  ['email', 'ana@', null, 'email.invalid'],
  ['email', 'ana@@colegio.cl', null, 'email.invalid'],
  ['email', 'ana soto@colegio.cl', null, 'email.invalid'],
  ['date', '2026-03-02', '2026-03-02'],
  ['date', '2026-3-2', '2026-03-02'],
  ['date', '2026-03-02T10:00:00Z', '2026-03-02'],
  ['date', '02/03/2026', '2026-03-02'],
  ['date', '2-3-2026', '2026-03-02'],
  ['date', '29/02/2024', '2024-02-29'],
  ['date', '29/02/2026', null, 'date.unreadable'],
  ['date', '31/04/2026', null, 'date.unreadable'],
  ['date', '03/13/2026', null, 'date.unreadable'],
  ['date', 'mañana', null, 'date.unreadable'],
  ['nationalId', '12.345.678-5', '12345678-5'],
  ['nationalId', '12345678-5', '12345678-5'],
  ['nationalId', '123456785', '12345678-5'],
  ['nationalId', '012.345.678-5', '12345678-5'],
  ['nationalId', '12345678–5', '12345678-5'],
  ['nationalId', '12345670-k', '12345670-K'],
  ['nationalId', '12345675-0', '12345675-0'],
  ['nationalId', '12345678-9', null, 'national_id.check_digit'],
  ['nationalId', '1710034065', '1710034065'],
  ['nationalId', '1710034066', null, 'national_id.check_digit'],
  ['nationalId', '9910034065', null, 'national_id.check_digit'],
  ['nationalId', 'PA-123456', 'PA-123456'],
];

describe('cleaning a value', () => {
  for (const [kind, raw, value, rule] of TABLE) {
    it(`${kind} ${JSON.stringify(raw.slice(0, 30))} is ${rule ?? JSON.stringify(value)}`, () => {
      const clean = cleanValue(kind, raw);
      if (rule) expect(clean).to.have.property('rule', rule);
      else expect(clean).to.equal(value);
    });
  }
});
