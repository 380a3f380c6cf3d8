import { expect } from 'chai';
import fc from 'fast-check';
import { testDatabaseUrl } from '../../../support/database.js';
import { meet } from '../../../support/meet.js';

/** More where a sync takes a third of the time. */
const HISTORIES = testDatabaseUrl ? 40 : 10;

const value = (...values: string[]) => fc.constantFrom('', ...values);
const person = fc.record({
  nationalId: value('12345678-5', '7654321-6', 'S/N'),
  code: value('A', 'B', 'C', 'D'),
  email: value('a@x.cl', 'b@x.cl'),
  familyName: value('Soto', 'Rojas'),
});
/** Each person has a code of its own, so that most rows look like exactly one. */
const people = fc
  .array(person, { minLength: 4, maxLength: 4 })
  .map((all) => all.map((one, i) => ({ ...one, code: 'ABCD'[i] as string })));
const decision = fc.record({
  row: fc.nat(4),
  resolution: fc.constantFrom('LINK', 'LINK', 'CREATE', 'IGNORE'),
  target: fc.nat(3),
});
const history = fc.record({
  people,
  readings: fc.array(fc.array(person, { minLength: 5, maxLength: 5 }), { minLength: 3, maxLength: 3 }),
  decisions: fc.array(fc.array(decision, { maxLength: 5 }), { minLength: 3, maxLength: 3 }),
});

describe('any decisions about any rows', () => {
  it(`never fail a sync, nor map two rows to one person, in ${HISTORIES} random histories`, async () => {
    const property = fc.asyncProperty(history, async ({ people: roster, readings, decisions }) => {
      const lines = (rows: typeof roster) =>
        rows.map((row, i) => `S${i},${row.nationalId},Ana,${row.familyName},${row.email},${row.code},`);
      const school = await meet(roster, []);
      await school.integrationService.updateIntegration(school.integrationId, {
        policy: { guard: { changedPercent: 100 } },
      });
      for (const [i, rows] of readings.entries()) {
        await school.write(lines(rows));
        for (const { row, resolution, target } of decisions[i] ?? []) {
          const id = `S${row}`;
          // As if it had been decided at any time, and about anybody.
          await school.database.execute(
            `INSERT INTO sync_conflicts (integration_id, entity_type, external_id, run_id, record, candidates, reason, resolution,
               internal_id, resolved_at)
             VALUES ($1, 'STUDENT', $2, gen_random_uuid(), '{}', '[]', 'x', $3, $4, now())
             ON CONFLICT (integration_id, entity_type, external_id) DO UPDATE SET resolution = $3, internal_id = $4`,
            [school.integrationId, id, resolution, resolution === 'LINK' ? school.ids[target] : null],
          );
        }
        for (let time = 0; time < 2; time++) {
          const { status, counts, errors } = await school.sync();
          expect(status, errors[0]).to.equal('COMPLETED');
          const { read, created, updated, unchanged, failed, conflicts } = counts;
          expect(created + updated + unchanged + failed + conflicts).to.equal(read);
          expect(counts).to.deep.include({ read: 5, failed: 0, missing: 0 });
        }
        const mapped = [...(await school.mapped()).values()];
        expect(new Set(mapped).size).to.equal(mapped.length);
      }
    });
    await fc.assert(property, {
      numRuns: HISTORIES,
      seed: 1,
      endOnFailure: true,
      includeErrorInReport: true,
    });
  });
});
