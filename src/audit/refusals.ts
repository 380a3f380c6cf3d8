import ipaddr from 'ipaddr.js';
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
/** And so many of all of them together: who has many addresses writes no more than that. */
const MOST_IN_WINDOW = 100;
/** How many addresses and methods are remembered. */
const MOST_REMEMBERED = 1_000;

/** What was not written down since the last that was. */
interface LeftOut {
  /** Of the same address and method. */
  leftOut: number;
  /** Of others, which were too many, or too long ago. */
  leftOutOfOthers: number;
}

/** Writes refused calls down. Nobody without a token can fill the database with them. */
export class Refusals {
  /** By address and method: when one was written down, and how many were not since. */
  readonly #written = new Map<string, { at: number; left: number }>();
  #window = { from: Number.NEGATIVE_INFINITY, written: 0 };
  #leftOfOthers = 0;

  /** `now`: a clock that only goes forward, in milliseconds. */
  constructor(
    private readonly database: Database,
    private readonly now: () => number = () => performance.now(),
  ) {}

  async record({ service, method, institutionId, integrationId, code, message }: Refusal): Promise<void> {
    const { actor, address } = currentCaller() ?? {};
    const left = actor === undefined ? this.#leftOut(`${networkOf(address)} ${method}`) : NOTHING;
    if (!left) return;
    const after = Object.fromEntries(Object.entries(left).filter(([, count]) => count > 0));
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
        ...(Object.keys(after).length > 0 && { after }),
        outcome: code,
        detail: message,
      });
    });
  }

  /** How many were not written down since the last one; undefined when this one is not either. */
  #leftOut(key: string): LeftOut | undefined {
    const now = this.now();
    const last = this.#written.get(key);
    if (last && now - last.at < WINDOW_MS) {
      last.left += 1;
      return undefined;
    }
    if (now - this.#window.from >= WINDOW_MS) this.#window = { from: now, written: 0 };
    if (this.#window.written >= MOST_IN_WINDOW) {
      this.#leftOfOthers += 1;
      return undefined;
    }
    this.#window.written += 1;
    this.#remember(key, now);
    const leftOutOfOthers = this.#leftOfOthers;
    this.#leftOfOthers = 0;
    return { leftOut: last?.left ?? 0, leftOutOfOthers };
  }

  #remember(key: string, at: number): void {
    this.#written.delete(key);
    this.#written.set(key, { at, left: 0 });
    for (const [oldest, { left }] of this.#written) {
      if (this.#written.size <= MOST_REMEMBERED) break;
      this.#written.delete(oldest);
      this.#leftOfOthers += left;
    }
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

const NOTHING: LeftOut = { leftOut: 0, leftOutOfOthers: 0 };

/** Whom an address belongs to: of IPv6, a customer has a network of 64 bits at least. */
function networkOf(address = ''): string {
  if (!ipaddr.isValid(address)) return address;
  const parsed = ipaddr.process(address);
  return parsed instanceof ipaddr.IPv6 ? parsed.parts.slice(0, 4).join(':') : String(parsed);
}
