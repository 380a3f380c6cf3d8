import { onBehalfOfService } from '../audit/index.js';
import type { Database } from '../database/index.js';
import { ServiceError } from '../errors.js';
import { type JobQueue, TryLater } from '../jobs/index.js';
import type { Logger } from '../observability/index.js';
import type { ReceivedStore, StoredPush } from './received-store.js';
import { together } from './scopes.js';
import type { StoredChange } from './webhook.js';

export interface WebhookJobsParts {
  database: Database;
  jobs: JobQueue;
  logger: Logger;
  /** 0: this process leaves it to others. */
  workers: number;
  received: ReceivedStore;
  /** Puts a sync of this into the queue, in the transaction under way; returns the id of its run. */
  startSync: (integrationId: string, change: StoredChange) => Promise<string>;
  /** Takes in what was pushed and left, and says what became of it. */
  takeIn: (push: StoredPush) => Promise<void>;
}

const QUEUE = 'webhooks';
const RETRIES = 1_000_000;
const FORGET_SECONDS = 60 * 60;
/** How many integrations this process looks at, at once. */
const AT_ONCE = 2;
/** How long it is waited for more before runs begin, in milliseconds: a burst becomes a few runs. */
const GATHER_MS = 1_000;
/** After how long it is looked again what waits for another run to begin, in seconds. */
const LATER_SECONDS = 2;
/** How often it is looked for what has no job, and for runs that are over, in milliseconds. */
const SUPERVISE_MS = 5_000;
/** From when on what waits may have no job, in seconds. */
const LATE_SECONDS = 5;
const MOST_AT_ONCE = 1_000;

/** What came of asking for a run. */
type Started = { runId: string } | { waits: string; isLater: boolean } | { refused: string };

/**
 * Makes syncs of what schools' systems sent. The row says what was sent and how it stands; its job, of which there is
 * one for each integration, when and where runs are asked for. Whatever waits without a job is given one.
 */
export class WebhookJobs {
  readonly #parts: WebhookJobsParts;
  /** Integrations of which something came, that is told to a job soon. */
  readonly #gathering = new Map<string, NodeJS.Timeout>();
  #timer: NodeJS.Timeout | undefined;
  #supervision: Promise<void> = Promise.resolve();
  #isEnding = false;

  constructor(parts: WebhookJobsParts) {
    this.#parts = parts;
  }

  async start(): Promise<void> {
    const { jobs, workers } = this.#parts;
    await jobs.define(QUEUE, {
      once: true,
      retryLimit: RETRIES,
      retryDelay: LATER_SECONDS,
      forgetAfterSeconds: FORGET_SECONDS,
    });
    if (workers === 0) return;
    this.#supervision = this.#supervise();
    await jobs.work<{ integrationId: string }>(QUEUE, { concurrency: AT_ONCE }, ({ integrationId }) =>
      this.#do(integrationId),
    );
  }

  /** Something waits of an integration: soon, a job looks at it, and at what came meanwhile. */
  gather(integrationId: string): void {
    if (this.#isEnding || this.#gathering.has(integrationId)) return;
    const timer = setTimeout(() => {
      this.#gathering.delete(integrationId);
      this.#send(integrationId)
        // One that is under way may have looked already.
        .then((isNew) => !isNew && this.gather(integrationId))
        .catch((error: unknown) => {
          this.#parts.logger.warn(
            { err: error, integrationId },
            'a job for webhooks was not sent; it is later',
          );
        });
    }, GATHER_MS).unref();
    this.#gathering.set(integrationId, timer);
  }

  /** Notes how webhooks stand whose runs are over. */
  async settle(integrationId: string): Promise<void> {
    await this.#parts.received.settle(integrationId);
  }

  /** Takes no more; what is being told to a job is told at once. */
  async drain(): Promise<void> {
    this.#isEnding = true;
    clearTimeout(this.#timer);
    await this.#supervision;
    const left = [...this.#gathering.keys()];
    for (const timer of this.#gathering.values()) clearTimeout(timer);
    this.#gathering.clear();
    await Promise.all(left.map((id) => this.#send(id).catch(() => undefined)));
    await this.#parts.jobs.pause(QUEUE);
  }

  async #send(integrationId: string): Promise<boolean> {
    const id = await this.#parts.jobs.send(QUEUE, { integrationId }, { singletonKey: integrationId });
    return id !== undefined;
  }

  async #do(integrationId: string): Promise<void> {
    if (this.#isEnding) throw new TryLater(0, 'The process is ending.');
    const { database } = this.#parts;
    await database.inBackground(() =>
      onBehalfOfService('webhook', async () => {
        for (let isMore = true; isMore && !this.#isEnding; ) {
          isMore = await database.transaction(() => this.#startRuns(integrationId));
        }
        await this.#takePushes(integrationId);
      }),
    );
  }

  /** Asks for the runs of what waits. Returns whether there may be more. */
  async #startRuns(integrationId: string): Promise<boolean> {
    const { received } = this.#parts;
    const rows = await received.takeWaiting(integrationId, MOST_AT_ONCE);
    if (!rows || rows.length === 0) return false;
    // What a run has begun for already, while the rest of a webhook waited or failed, is not read again.
    const left = rows.map(({ webhookId, changes, runs }) => {
      const begun = new Set(runs.map(({ entityType }) => entityType));
      const open = changes.filter(({ entityType }) => !begun.has(entityType) && !begun.has('ALL'));
      return { webhookId, open, runIds: runs.map(({ id }) => id) };
    });
    const started = new Map<string, Started>();
    for (const [entityType, ids] of together(left.flatMap(({ open }) => open))) {
      const change: StoredChange = { entityType, ...(ids && { externalIds: [...ids] }) };
      started.set(entityType, await this.#ask(integrationId, change));
    }
    let isWaiting = false;
    let isLater = false;
    const all = started.get('ALL');
    // Many rows have the same outcome: each outcome is one statement.
    const byOutcome = new Map<string, { outcome: Started[]; webhookIds: string[] }>();
    for (const { webhookId, open, runIds } of left) {
      const types = [...new Set(open.map(({ entityType }) => entityType))].sort();
      const before = runIds.map((runId): Started => ({ runId }));
      const now = all ? (open.length > 0 ? [all] : []) : types.flatMap((type) => started.get(type) ?? []);
      const outcome = [...before, ...now];
      const key = [all ? now.length : types.join(), ...runIds].join(' ');
      const group = byOutcome.get(key) ?? { outcome, webhookIds: [] };
      group.webhookIds.push(webhookId);
      byOutcome.set(key, group);
    }
    for (const { outcome, webhookIds } of byOutcome.values()) {
      const waits = outcome.find((one) => 'waits' in one);
      const refused = outcome.find((one) => 'refused' in one);
      const runIds = outcome.flatMap((one) => ('runId' in one ? one.runId : []));
      if (waits)
        await received.mark(integrationId, webhookIds, { status: 'WAITING', reason: waits.waits, runIds });
      else if (runIds.length === 0)
        await received.mark(integrationId, webhookIds, { status: 'REFUSED', reason: refused?.refused });
      else
        await received.mark(integrationId, webhookIds, {
          status: 'STARTED',
          reason: refused?.refused,
          runIds,
        });
      isWaiting ||= waits !== undefined;
      isLater ||= waits?.isLater ?? false;
    }
    if (isLater) this.#again(integrationId);
    // Where some wait on, they would only be looked at again.
    return rows.length === MOST_AT_ONCE && !isWaiting;
  }

  /** What waits for another run to begin is looked at again once this job is over. */
  #again(integrationId: string): void {
    this.#parts.database.afterCommit(() => this.gather(integrationId));
  }

  async #ask(integrationId: string, change: StoredChange): Promise<Started> {
    try {
      return { runId: await this.#parts.startSync(integrationId, change) };
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      // Nothing was written yet: the transaction goes on.
      if (error.reason === 'SYNC_ALREADY_RUNNING') return { waits: error.message, isLater: true };
      if (error.reason === 'INTEGRATION_INACTIVE') return { waits: error.message, isLater: false };
      if (error.code === 'unimplemented' || error.code === 'not_found') return { refused: error.message };
      throw error;
    }
  }

  async #takePushes(integrationId: string): Promise<void> {
    const { received, takeIn } = this.#parts;
    while (!this.#isEnding) {
      const push = await received.takePush(integrationId);
      if (!push) return;
      if (await received.isOutdated(push)) {
        const reason = 'The same was pushed again later.';
        await received.mark(integrationId, [push.webhookId], { status: 'IGNORED', reason });
      } else await takeIn(push);
    }
  }

  async #supervise(): Promise<void> {
    const { received, logger } = this.#parts;
    try {
      await received.settle();
      for (const id of await received.listDue(LATE_SECONDS)) await this.#send(id);
    } catch (error) {
      logger.warn({ err: error }, 'looking for webhooks without a job failed');
    }
    if (this.#isEnding) return;
    this.#timer = setTimeout(() => {
      this.#supervision = this.#supervise();
    }, SUPERVISE_MS).unref();
  }
}
