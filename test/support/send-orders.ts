import { sharedServices } from './services.js';
import { until } from './until.js';

/** The order to send a session to an integration; undefined where there is none. */
export async function orderOf(of: { integrationId: string; session: { id: string } }) {
  const { database } = await sharedServices();
  const [order] = await database.query<{ attempts: number; seconds: number; reason: string }>(
    `SELECT attempts, EXTRACT(EPOCH FROM next_at - clock_timestamp())::float8 AS seconds, last_reason AS reason
     FROM send_orders WHERE integration_id = $1 AND session_id = $2`,
    [of.integrationId, of.session.id],
  );
  return order;
}

/** Lets the waiting job of a session begin now. */
export async function hurry({ session }: { session: { id: string } }) {
  const { database, jobs } = await sharedServices();
  await until(async () => {
    const [row] = await database.query<{ id: string }>(
      `UPDATE pgboss.job SET start_after = now() - interval '1 s'
       WHERE name = 'attendance' AND singleton_key LIKE '%:' || $1 AND state IN ('created', 'retry') RETURNING id`,
      [session.id],
    );
    return row !== undefined;
  });
  jobs.wake('attendance');
}

/** Lets a session that was tried once be given up, as it is after 24 hours. */
export async function giveUp(of: { integrationId: string; session: { id: string } }): Promise<void> {
  const { database } = await sharedServices();
  await until(async () => ((await orderOf(of))?.attempts ?? 0) > 0);
  await database.execute(
    `UPDATE send_orders SET ordered_at = ordered_at - interval '24 h' WHERE session_id = $1`,
    [of.session.id],
  );
  await database.execute(`UPDATE class_sessions SET closed_at = closed_at - interval '30 h' WHERE id = $1`, [
    of.session.id,
  ]);
  await hurry(of);
  await until(async () => (await orderOf(of)) === undefined);
}
