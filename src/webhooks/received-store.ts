import { randomUUID } from 'node:crypto';
import type { Database } from '../database/index.js';
import { ServiceError } from '../errors.js';
import { allOf, type Page, type PageRequest, pageSizeOf, readPageToken, TOKEN, toPage } from '../paging.js';
import { storableText } from '../values/index.js';
import type { ReceivedKind, ReceivedStatus, ReceivedWebhook, StoredChange } from './webhook.js';

/** Which of what was received is listed; what is left out does not matter. */
export interface ReceivedFilter {
  status?: ReceivedStatus | undefined;
  kind?: ReceivedKind | undefined;
  runId?: string | undefined;
}

/** What a school's system pushed, as it is kept until it is taken in. */
export interface StoredPush {
  integrationId: string;
  webhookId: string;
  body: Buffer;
  changes: StoredChange[];
  /** How often it was taken up. */
  attempts: number;
}

/** A webhook for which, or for a part of which, a run has yet to begin. */
export interface WaitingWebhook extends Pick<ReceivedWebhook, 'webhookId' | 'changes'> {
  runs: { id: string; entityType: StoredChange['entityType'] }[];
}

const COLUMNS = `integration_id AS "integrationId", webhook_id AS "webhookId", kind, changes, status, reason,
  run_ids AS "runIds", attempts, sent_at AS "sentAt", received_at AS "receivedAt"`;
/** How much of a reason is kept. */
const LONGEST_REASON = 1_000;
/** Of so many sets of runs the webhooks are settled in one statement. */
const MOST_GROUPS = 100;
/** How long a process has for what was pushed, before another takes it up, in seconds. */
const PUSH_SECONDS = 120;

/** The rows of what schools' systems sent: what it says, how it stands, and what it led to. */
export class ReceivedStore {
  constructor(private readonly database: Database) {}

  /** What an integration received, the newest first. */
  async list(integrationId: string, request: PageRequest & ReceivedFilter): Promise<Page<ReceivedWebhook>> {
    const size = pageSizeOf(request);
    const { status, kind, runId } = request;
    const key = readPageToken(request.pageToken, [TOKEN.time, TOKEN.text]);
    const values: unknown[] = [size + 1, integrationId];
    const conditions = allOf([
      'integration_id = $2',
      status && `status = $${values.push(status)}`,
      kind && `kind = $${values.push(kind)}`,
      runId && `$${values.push(runId)}::uuid = ANY(run_ids)`,
      key && `(received_at, webhook_id) < ($${values.push(key[0])}::timestamptz, $${values.push(key[1])})`,
    ]);
    const rows = await this.database.query<ReceivedWebhook & { key: string }>(
      `SELECT ${COLUMNS}, to_char(received_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS key
       FROM received_webhooks
       ${conditions}
       ORDER BY received_at DESC, webhook_id DESC LIMIT $1`,
      values,
    );
    return toPage(
      rows,
      size,
      (row) => [row.key, row.webhookId],
      ({ key: _, ...row }) => row,
    );
  }

  /** One of them, with its body. Throws `not_found`. */
  async get(integrationId: string, webhookId: string): Promise<ReceivedWebhook & { body: Buffer }> {
    const [row] = await this.database.query<ReceivedWebhook & { body: Buffer }>(
      `SELECT ${COLUMNS}, body FROM received_webhooks WHERE integration_id = $1 AND webhook_id = $2`,
      [integrationId, webhookId],
    );
    if (row) return row;
    throw new ServiceError('not_found', `The integration has received no webhook ${webhookId}.`, {
      reason: 'WEBHOOK_NOT_FOUND',
    });
  }

  /** Integrations of which something waits that is due: some of them may have no job. Not those that are INACTIVE. */
  async listDue(seconds: number): Promise<string[]> {
    const rows = await this.database.query<{ id: string }>(
      `SELECT i.id FROM integrations i
       WHERE i.status <> 'INACTIVE' AND i.id IN (
         SELECT w.integration_id FROM received_webhooks w
         WHERE w.status = 'WAITING' AND w.due_at < clock_timestamp() - make_interval(secs => $1))
       ORDER BY random() LIMIT 50`,
      [seconds],
    );
    return rows.map(({ id }) => id);
  }

  /**
   * Inside a transaction: the webhooks of an integration that wait and are due, the oldest first, which nobody else
   * takes meanwhile, with the runs that began for a part of one and have not failed. Undefined when there is no such
   * integration any more.
   */
  async takeWaiting(integrationId: string, most: number): Promise<WaitingWebhook[] | undefined> {
    // Before the rows, as whoever deletes an integration locks them.
    const held = await this.database.query('SELECT 1 FROM integrations WHERE id = $1 FOR KEY SHARE', [
      integrationId,
    ]);
    if (held.length === 0) return undefined;
    return this.database.query(
      `SELECT w.webhook_id AS "webhookId", w.changes, COALESCE((
         SELECT jsonb_agg(jsonb_build_object('id', r.id, 'entityType', r.entity_type) ORDER BY r.id)
         FROM sync_runs r
         WHERE r.integration_id = $1 AND r.id = ANY(w.run_ids) AND r.status <> 'FAILED'), '[]') AS runs
       FROM received_webhooks w
       WHERE w.integration_id = $1 AND w.status = 'WAITING' AND w.kind = 'WEBHOOK'
         AND w.due_at <= clock_timestamp()
       ORDER BY w.received_at LIMIT $2 FOR UPDATE OF w SKIP LOCKED`,
      [integrationId, most],
    );
  }

  /** Says how some of them stand now. */
  async mark(
    integrationId: string,
    webhookIds: readonly string[],
    {
      status,
      reason,
      runIds,
    }: { status: ReceivedStatus; reason?: string | undefined; runIds?: readonly string[] },
  ): Promise<void> {
    if (webhookIds.length === 0) return;
    await this.database.execute(
      `UPDATE received_webhooks SET status = $3, reason = $4, run_ids = COALESCE($5::uuid[], run_ids)
       WHERE integration_id = $1 AND webhook_id = ANY($2)`,
      [integrationId, webhookIds, status, cut(reason), runIds ?? null],
    );
  }

  /**
   * Ends those whose runs are over, of one integration or of all. Those of runs that failed wait again, three times,
   * longer each time. Returns how many that were.
   */
  async settle(integrationId?: string): Promise<number> {
    let settled = 0;
    for (let isMore = true; isMore; ) {
      const { webhooks, groups } = await this.#settleSome(integrationId);
      settled += webhooks;
      isMore = groups === MOST_GROUPS;
    }
    return settled;
  }

  /** Thousands have the same runs, which are looked at once for all of them. */
  async #settleSome(integrationId: string | undefined): Promise<{ webhooks: number; groups: number }> {
    const [counts] = await this.database.query<{ webhooks: number; groups: number }>(
      `WITH started AS MATERIALIZED (
         SELECT DISTINCT integration_id, run_ids FROM received_webhooks
         WHERE status = 'STARTED' AND ($1::uuid IS NULL OR integration_id = $1)
       ), ended AS MATERIALIZED (
         SELECT s.integration_id, s.run_ids, COALESCE(bool_or(r.status = 'FAILED'), false) AS failed,
           string_agg(CASE WHEN r.status <> 'COMPLETED'
             THEN 'Run ' || r.id || ' is ' || r.status || COALESCE(': ' || r.error, '.') END, ' ' ORDER BY r.id) AS reason
         FROM started s
         LEFT JOIN sync_runs r ON r.integration_id = s.integration_id AND r.id = ANY(s.run_ids)
         GROUP BY s.integration_id, s.run_ids
         HAVING COALESCE(bool_and(r.status NOT IN ('QUEUED', 'RUNNING')), true)
         LIMIT ${MOST_GROUPS}
       ), settled AS (
         UPDATE received_webhooks w SET
           status = CASE WHEN NOT ended.failed THEN 'DONE' WHEN w.attempts < 3 THEN 'WAITING' ELSE 'FAILED' END,
           attempts = w.attempts + ended.failed::int,
           due_at = CASE WHEN ended.failed THEN clock_timestamp() + make_interval(secs => 30 * 4 ^ w.attempts)
             ELSE w.due_at END,
           reason = left(ended.reason, ${LONGEST_REASON})
         FROM ended
         WHERE w.integration_id = ended.integration_id AND w.run_ids = ended.run_ids AND w.status = 'STARTED'
         RETURNING 1
       )
       SELECT (SELECT count(*) FROM settled)::int AS webhooks, (SELECT count(*) FROM ended)::int AS groups`,
      [integrationId ?? null],
    );
    return counts as { webhooks: number; groups: number };
  }

  /**
   * Keeps what was pushed, before it is taken in: should this process die, another takes it up. One that cannot be
   * used is kept with the reason. Returns its id.
   */
  async addPush(
    integrationId: string,
    push: { body: Buffer; changes: readonly StoredChange[]; refused?: string | undefined },
  ): Promise<string> {
    const webhookId = `push_${randomUUID()}`;
    const added = await this.database.execute(
      `INSERT INTO received_webhooks (integration_id, webhook_id, institution_id, kind, body, changes, status,
         reason, due_at)
       SELECT id, $2, institution_id, 'PUSH', $3, $4::jsonb, CASE WHEN $5::text IS NULL THEN 'WAITING' ELSE 'REFUSED' END,
         $5, clock_timestamp() + make_interval(secs => ${PUSH_SECONDS})
       FROM integrations WHERE id = $1 FOR KEY SHARE`,
      [integrationId, webhookId, push.body, JSON.stringify(push.changes), cut(push.refused)],
    );
    if (added > 0) return webhookId;
    throw new ServiceError('not_found', `There is no integration ${integrationId}.`, {
      reason: 'INTEGRATION_NOT_FOUND',
    });
  }

  /** The oldest push of an integration that was left, for this process to take in within its time. */
  async takePush(integrationId: string): Promise<StoredPush | undefined> {
    const [row] = await this.database.query<StoredPush>(
      `UPDATE received_webhooks SET attempts = attempts + 1,
         due_at = clock_timestamp() + make_interval(secs => ${PUSH_SECONDS} * (attempts + 1))
       WHERE integration_id = $1 AND webhook_id = (
         SELECT webhook_id FROM received_webhooks
         WHERE integration_id = $1 AND kind = 'PUSH' AND status = 'WAITING' AND due_at <= clock_timestamp()
         ORDER BY received_at LIMIT 1 FOR UPDATE SKIP LOCKED)
       RETURNING integration_id AS "integrationId", webhook_id AS "webhookId", body, changes, attempts`,
      [integrationId],
    );
    return row;
  }

  /** Whether the same was pushed again later: then what was left is of no use any more. */
  async isOutdated({ integrationId, webhookId, changes }: StoredPush): Promise<boolean> {
    const [row] = await this.database.query(
      `SELECT 1 FROM received_webhooks later
       JOIN received_webhooks this ON this.integration_id = $1 AND this.webhook_id = $2
       WHERE later.integration_id = $1 AND later.kind = 'PUSH' AND later.received_at > this.received_at
         AND later.status <> 'REFUSED' AND later.changes = $3::jsonb
       LIMIT 1`,
      [integrationId, webhookId, JSON.stringify(changes)],
    );
    return row !== undefined;
  }
}

function cut(reason: string | undefined): string | null {
  return reason === undefined ? null : storableText(reason).slice(0, LONGEST_REASON);
}
