import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { WithheldMarks } from '../../src/attendance/withheld-marks.js';
import type { Database } from '../../src/database/index.js';
import { quietDatabase } from '../support/quiet-database.js';

/** The nth id in the order in which they are looked at. */
const nthId = (n: number) => `${n.toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`;

describe('marks that are withheld', () => {
  let database: Database;

  before(async () => {
    database = await quietDatabase();
  });

  /** An integration whose orders are written down, and nothing else. */
  async function holder() {
    const [integrationId, institutionId] = [randomUUID(), randomUUID()];
    await database.execute(
      `INSERT INTO integrations (id, institution_id, provider, credentials) VALUES ($1, $2, 'MOODLE', '')`,
      [integrationId, institutionId],
    );
    const orders: number[] = [];
    const marks = new WithheldMarks({
      database,
      takesAttendance: ({ id }) => id === integrationId,
      order: async (_, { sessionIds }) => {
        orders.push(sessionIds.length);
        return [...sessionIds];
      },
    });
    /** Withholds a mark of a student in each of so many sessions of their own. */
    const withhold = (studentId: string, sessions: number, { isOpen = false } = {}) =>
      database.execute(
        `WITH made AS (
           INSERT INTO class_sessions (institution_id, id, course_id, starts_at, ends_at, closed_at)
           SELECT $2, gen_random_uuid(), $2, now(), now() + interval '1 h', CASE WHEN $5 THEN NULL ELSE now() END
           FROM generate_series(1, $4::int) RETURNING id)
         INSERT INTO outbox_deliveries (integration_id, session_id, student_id, version, external_id, mark, digest,
           status, last_reason)
         SELECT $1, id, $3, 1, 'x', 'ABSENT', '', 'WITHHELD', 'why' FROM made`,
        [integrationId, institutionId, studentId, sessions, isOpen],
      );
    const map = (studentId: string) =>
      database.execute(
        `INSERT INTO integration_mappings (integration_id, entity_type, internal_id, external_id)
         VALUES ($1, 'STUDENT', $2, $2::uuid::text)`,
        [integrationId, studentId],
      );
    /** By student and status, how many marks there are. */
    const states = async () => {
      const rows = await database.query<{ told: string }>(
        `SELECT count(*) || ' ' || status || COALESCE(' ' || max(last_reason), '') AS told FROM outbox_deliveries
         WHERE integration_id = $1 GROUP BY student_id, status ORDER BY student_id, status`,
        [integrationId],
      );
      return rows.map(({ told }) => told);
    };
    return { marks, orders, withhold, map, states };
  }

  it('of a student whose id is in no doubt any more go out by orders of bounded size, those of open sessions not', async () => {
    const { marks, orders, withhold, map, states } = await holder();
    await map(nthId(1));
    await withhold(nthId(1), 1_200);
    await withhold(nthId(1), 3, { isOpen: true });
    await marks.release();
    expect(orders.reduce((all, one) => all + one, 0)).to.equal(1_200);
    expect(Math.max(...orders)).to.be.at.most(500);
    expect(await states()).to.deep.equal(['1200 QUEUED', '3 WITHHELD why']);
    orders.length = 0;
    await marks.release();
    expect(orders).to.deep.equal([]);
  });

  it('go out although those of many others have to wait, who are looked at first', async () => {
    const { marks, orders, withhold, map } = await holder();
    for (let n = 1; n <= 501; n++) await withhold(nthId(n), 1);
    await map(nthId(501));
    await marks.release();
    expect(orders).to.deep.equal([]);
    await marks.release();
    expect(orders).to.deep.equal([1]);
  });

  it('go out although there are many of open sessions, which are looked at first', async () => {
    const { marks, orders, withhold, map } = await holder();
    for (const n of [1, 2]) await map(nthId(n));
    await withhold(nthId(1), 10_001, { isOpen: true });
    await withhold(nthId(2), 1);
    await marks.release();
    expect(orders).to.deep.equal([]);
    await marks.release();
    expect(orders).to.deep.equal([1]);
  });

  it('stay as they are when the process ends meanwhile', async () => {
    const { marks, withhold, map, states } = await holder();
    await map(nthId(1));
    await withhold(nthId(1), 2);
    await marks.release(() => true);
    expect(await states()).to.deep.equal(['2 WITHHELD why']);
    await marks.release();
    expect(await states()).to.deep.equal(['2 QUEUED']);
  });
});
