import { hash } from 'node:crypto';
import { z } from 'zod';
import type { MoodleClient } from './moodle-client.js';
import { isUnavailable } from './moodle-error.js';
import { type MoodleMemory, nowInSeconds } from './moodle-memory.js';
import { type EnrolledUser, usersByField } from './moodle-wire.js';

const FUNCTION = 'core_user_get_users_by_field';
const TOPIC = 'suspended accounts';
/** PHP drops the values after its thousandth (max_input_vars), and says nothing. */
const USERS_A_CALL = 500;
const HOUR = 3_600;
/** What was told of people who do not come again is forgotten after so long. */
const DAYS = 30;

/** What was told of a person: what the row was like, whether the account was suspended, and when. */
const told = z.tuple([z.string(), z.boolean(), z.number()]);

/**
 * Who is suspended. No list of a course says it: Moodle is asked, in long lists, but not about those of whom it
 * told lately and whose row is as it was.
 */
export class Suspensions {
  readonly #client: MoodleClient;
  readonly #memory: MoodleMemory;
  readonly #hours: number;
  readonly #known = new Map<number, boolean>();
  readonly #asked = new Set<number>();
  #recalled: Promise<Map<string, z.infer<typeof told>>> | undefined;

  /** `hours`: how long it counts what was told; 0: every operation asks anew. */
  constructor(options: { client: MoodleClient; memory: MoodleMemory; hours: number }) {
    this.#client = options.client;
    this.#memory = options.memory;
    this.#hours = options.hours;
  }

  /** Whether the accounts of these people are suspended; nothing of those of whom Moodle does not say. */
  async of(users: readonly EnrolledUser[]): Promise<ReadonlyMap<number, boolean>> {
    const digests = new Map(users.map((user) => [user.id, digestOf(user)]));
    await this.#recall(digests);
    const ids = users.map(({ id }) => id).filter((id) => !this.#known.has(id) && !this.#asked.has(id));
    const lists = Array.from({ length: Math.ceil(ids.length / USERS_A_CALL) }, (_, i) =>
      ids.slice(i * USERS_A_CALL, (i + 1) * USERS_A_CALL),
    );
    // All are asked for; the client sees to it that only a few are under way.
    const answers = (await Promise.all(lists.map((list) => this.#ask(list)))).flat();
    const now = nowInSeconds();
    const fresh = new Map<string, unknown>();
    for (const { id, suspended } of answers) {
      const digest = digests.get(id);
      if (digest === undefined || suspended === undefined) continue;
      this.#known.set(id, suspended);
      fresh.set(String(id), [digest, suspended, now]);
    }
    if (this.#hours > 0) await this.#memory.remember(TOPIC, fresh, { days: DAYS });
    return this.#known;
  }

  async #recall(digests: ReadonlyMap<number, string>): Promise<void> {
    if (this.#hours === 0) return;
    this.#recalled ??= this.#memory.recall(TOPIC, told);
    const recalled = await this.#recalled;
    const now = nowInSeconds();
    for (const [id, digest] of digests) {
      const [before, suspended, at] = recalled.get(String(id)) ?? [];
      const age = now - (at ?? 0);
      if (before === digest && suspended !== undefined && age >= 0 && age < this.#hours * HOUR)
        this.#known.set(id, suspended);
    }
  }

  /** Of people the caller may not see nothing is said, and of nobody when the function may not be called. */
  async #ask(ids: number[]): Promise<z.infer<typeof usersByField>> {
    for (const id of ids) this.#asked.add(id);
    return this.#client.call(FUNCTION, { field: 'id', values: ids }, usersByField).catch((error: unknown) => {
      if (isUnavailable(error)) return [];
      throw error;
    });
  }
}

function digestOf({ id, username, firstname, lastname, fullname, email, idnumber }: EnrolledUser): string {
  const row = JSON.stringify([id, username, firstname, lastname, fullname, email, idnumber]);
  return hash('sha256', row, 'base64').slice(0, 16);
}
