import type { Database } from '../database/index.js';
import { currentCaller } from './caller.js';
import { NO_INSTITUTION, recordEvent } from './record-event.js';

/** A call that was refused. */
export interface Refusal {
  service: string;
  method: string;
  /** The institution and the integration that it names, where it names any. */
  institutionId: string | undefined;
  integrationId: string | undefined;
  /** The code of the error, such as `invalid_argument`, and its sentence. */
  code: string;
  message: string;
}

/** Whoever has no token is written down once in so long for each method; the others are counted. */
const WINDOW_MS = 60_000;
/** So many of them at most, from however many addresses they come: a network of IPv6 has no end of them. */
const MOST_WRITTEN = 100;
/** How many addresses and methods are remembered. */
const MOST_REMEMBERED = 1_000;

/** Writes refused calls down. Nobody without a token can fill the database with them. */
export class Refusals {
  /** By address and method: when one was written down, and how many were not since. */
  readonly #written = new Map<string, { at: number; left: number }>();
  /** How many were written down since, and how many were not for being too many. */
  readonly #inAll = { since: Number.NEGATIVE_INFINITY, written: 0, left: 0 };

  constructor(private readonly database: Database) {}

  async record({ service, method, institutionId, integrationId, code, message }: Refusal): Promise<void> {
    const { actor, address } = currentCaller() ?? {};
    const left = actor === undefined ? this.#leftOut(`${address} ${method}`) : 0;
    if (left === undefined) return;
    await this.database.inLane('Refusals', async () => {
      // Of a caller without a token no word is believed: nobody fills the chain of an institution from outside.
      const known = actor === undefined ? undefined : await this.#institutionOf(integrationId);
      const of = actor === undefined ? undefined : (institutionId ?? known);
      await recordEvent(this.database, {
        institutionId: of ?? NO_INSTITUTION,
        action: 'call.refused',
        objectType: 'CALL',
        objectId: `${service}/${method}`,
        integrationId,
        ...(left > 0 && { after: { leftOut: left } }),
        outcome: code,
        detail: message,
      });
    });
  }

  /** How many were not written down since the last one like it; undefined when this one is not either. */
  #leftOut(key: string): number | undefined {
    const now = performance.now();
    const last = this.#written.get(key);
    if (last && now - last.at < WINDOW_MS) {
      last.left += 1;
      return undefined;
    }
    const inAll = this.#inAll;
    if (now - inAll.since >= WINDOW_MS) Object.assign(inAll, { since: now, written: 0 });
    if (inAll.written >= MOST_WRITTEN) {
      inAll.left += 1;
      return undefined;
    }
    const left = (last?.left ?? 0) + inAll.left;
    Object.assign(inAll, { written: inAll.written + 1, left: 0 });
    this.#written.delete(key);
    this.#written.set(key, { at: now, left: 0 });
    for (const oldest of this.#written.keys()) {
      if (this.#written.size <= MOST_REMEMBERED) break;
      this.#written.delete(oldest);
    }
    return left;
  }

  async #institutionOf(integrationId: string | undefined): Promise<string | undefined> {
    if (integrationId === undefined) return undefined;
    const [row] = await this.database.query<{ institutionId: string }>(
      'SELECT institution_id AS "institutionId" FROM integrations WHERE id = $1',
      [integrationId],
    );
    return row?.institutionId;
  }
}
