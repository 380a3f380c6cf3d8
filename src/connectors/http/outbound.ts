import { setTimeout as sleep } from 'node:timers/promises';
import {
  type AddressGuard,
  type Agents,
  createAddressGuard,
  createGuardedAgents,
} from '../../outbound/index.js';
import { HttpClient } from './http-client.js';
import type { HttpClientOptions, SharedConnections } from './http-request.js';
import { createPace, type Pace } from './pace.js';

export interface OutboundOptions {
  /** Host names, addresses and CIDR ranges that may be reached although they are private. */
  allow: readonly string[];
  /** Waits for so many milliseconds; given by tests that do not want to. */
  wait?: (ms: number, signal: AbortSignal) => Promise<void>;
}

/**
 * The way to school systems: one set of guarded connections and of paces for all connectors of the process.
 */
export class Outbound implements SharedConnections {
  /** Connections are kept for the next call. */
  readonly agents: Agents;
  /** Each call has a connection of its own: none of them can have been closed by the server just before. */
  readonly freshAgents: Agents;
  /** Which addresses may be reached. */
  readonly guard: AddressGuard;
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly #paces = new Map<string, Pace>();

  constructor({ allow, wait }: OutboundOptions) {
    this.guard = createAddressGuard(allow);
    this.agents = createGuardedAgents(this.guard, { keepAlive: true });
    this.freshAgents = createGuardedAgents(this.guard, { keepAlive: false });
    this.wait = wait ?? pause;
  }

  /** A client of one school system, for one operation. */
  client(options: HttpClientOptions): HttpClient {
    return new HttpClient(this, options);
  }

  /** The pace that all calls under one key share. */
  pace(key: string, perMinute: number): Pace {
    const name = `${perMinute} ${key}`;
    const known = this.#paces.get(name);
    if (known) return known;
    const pace = createPace(perMinute);
    this.#paces.set(name, pace);
    return pace;
  }

  /** Closes idle connections. */
  close(): void {
    for (const { http, https } of [this.agents, this.freshAgents]) {
      http.destroy();
      https.destroy();
    }
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal });
  } catch {
    // The reason it was given, rather than the timer's own.
    signal.throwIfAborted();
  }
}
