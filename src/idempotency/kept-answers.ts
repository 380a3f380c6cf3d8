import { createHash, randomUUID } from 'node:crypto';
import { type Database, isDatabaseAway } from '../database/index.js';
import { ServiceError, UnopenableCredentialsError } from '../errors.js';
import type { Logger } from '../observability/index.js';
import { BEAT_MS, KeyStore, type KnownKey } from './key-store.js';

/** Seals what must not be readable in the database; what was sealed for one call opens for no other. */
export interface AnswerSealer {
  seal(id: string, texts: Record<string, string>): string;
  open(id: string, sealed: string): Record<string, string>;
}

/** A call that bears a key. */
export interface KeyedCall {
  /** The name of the token that its caller bears. */
  actor: string;
  method: string;
  key: string;
  /** The same for the same request. */
  request: string;
}

/** What a key leads to: the answer that was given, or the call that is to be carried out. */
export type Begun =
  | { answer: Record<string, string> }
  | {
      answer?: undefined;
      /** Keeps the answer, which is made here: should that fail, the caller has it all the same. */
      keep(answer: () => Record<string, string>): Promise<void>;
      /**
       * Keeps the error that was answered. Without one the key is given back: nothing came of the call, and whoever
       * comes with it next carries it out.
       */
      fail(error: unknown, answer: (() => Record<string, string>) | undefined): Promise<void>;
    };

/** So often a key is looked for that others give back at that moment. */
const TRIES = 3;

/**
 * Answers a call with a key once, and then the same again for a day. A key is taken before its call begins, and the
 * answer is kept after it: what ends in between is never carried out again under its key.
 */
export class KeptAnswers {
  readonly #store: KeyStore;
  readonly #sealer: AnswerSealer;
  readonly #logger: Logger;
  /** The calls that this process carries out: the digest of the key, by the id of the call. */
  readonly #running = new Map<string, Buffer>();
  #timer: NodeJS.Timeout | undefined;

  constructor({ database, sealer, logger }: { database: Database; sealer: AnswerSealer; logger: Logger }) {
    this.#store = new KeyStore(database);
    this.#sealer = sealer;
    this.#logger = logger;
  }

  /** Of a process that is alone with its database, before it takes calls: nobody carries any out. */
  async clear(): Promise<void> {
    await this.#store.loseAll();
  }

  /**
   * Throws `invalid_argument` where the key was used for another request, `aborted` while the first call is still
   * carried out, and `failed_precondition` where it is not known what came of it.
   */
  async begin(call: KeyedCall): Promise<Begun> {
    const digest = digestOf(call);
    for (let nth = 0; nth < TRIES; nth++) {
      const begun = await this.#take(call, digest);
      if (begun) return begun;
      const known = await this.#store.find(digest);
      if (known) return { answer: this.#answerOf(known, call) };
    }
    throw inUse();
  }

  async #take({ actor, method, request }: KeyedCall, digest: Buffer): Promise<Begun | undefined> {
    const id = randomUUID();
    const sealed = this.#sealer.seal(id, { request });
    this.#add(id, digest);
    const isTaken = await this.#store.take({ digest, id, actor, method, sealed }).catch((error: unknown) => {
      this.#remove(id);
      throw error;
    });
    if (!isTaken) {
      this.#remove(id);
      return undefined;
    }
    const keep = async (answer: () => Record<string, string>) =>
      this.#store.answer(digest, id, this.#sealer.seal(id, { request, ...answer() }));
    return {
      keep: (answer) => this.#ended(id, keep(answer)),
      fail: (error, answer) => {
        // Whether its last commit arrived, nobody knows.
        if (isDatabaseAway(error)) return this.#ended(id, this.#store.lose(digest, id));
        return this.#ended(id, answer ? keep(answer) : this.#store.release(digest, id));
      },
    };
  }

  /** The call is over, and is answered: what cannot be noted becomes a call of which nothing is known. */
  async #ended(id: string, noted: Promise<void>): Promise<void> {
    try {
      await noted;
    } catch (error) {
      this.#logger.warn({ err: error }, 'what came of a call with an Idempotency-Key was not noted');
    } finally {
      this.#remove(id);
    }
  }

  #answerOf({ id, sealed, state, createdAt }: KnownKey, call: KeyedCall): Record<string, string> {
    const { request, ...answer } = this.#open(id, sealed);
    if (request !== call.request) throw reused();
    if (this.#running.has(id) || state === 'running') throw inUse();
    if (state === 'lost') throw lost(`ended without an answer`, createdAt);
    return answer;
  }

  #open(id: string, sealed: string): Record<string, string> {
    try {
      return this.#sealer.open(id, sealed);
    } catch (error) {
      if (!(error instanceof UnopenableCredentialsError)) throw error;
      throw lost('is sealed with a key that is not in CREDENTIAL_KEYS any more');
    }
  }

  #add(id: string, digest: Buffer): void {
    this.#running.set(id, digest);
    this.#timer ??= setInterval(() => {
      const digests = [...this.#running.values()];
      this.#store
        .beat(digests)
        .catch((error: unknown) => this.#logger.warn({ err: error }, 'calls could not be kept alive'));
    }, BEAT_MS).unref();
  }

  #remove(id: string): void {
    this.#running.delete(id);
    if (this.#running.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

function digestOf({ actor, method, key }: KeyedCall): Buffer {
  return createHash('sha256')
    .update(JSON.stringify([actor, method, key]))
    .digest();
}

function reused(): ServiceError {
  return new ServiceError(
    'invalid_argument',
    'The Idempotency-Key was used for another request. Make a new key for each request, and send the same one only to repeat it.',
    { reason: 'IDEMPOTENCY_KEY_REUSED' },
  );
}

function inUse(): ServiceError {
  return new ServiceError(
    'aborted',
    'The first call with this Idempotency-Key is still being carried out. Try again in a second.',
    { reason: 'IDEMPOTENCY_KEY_IN_USE', metadata: { retryAfterSeconds: '1' } },
  );
}

function lost(what: string, at?: Date): ServiceError {
  const when = at ? `, of ${at.toISOString()},` : '';
  return new ServiceError(
    'failed_precondition',
    `The first call with this Idempotency-Key${when} ${what}: what came of it is not known. Look at what is there, and call with a new key where it was not done.`,
    { reason: 'IDEMPOTENCY_OUTCOME_UNKNOWN' },
  );
}
