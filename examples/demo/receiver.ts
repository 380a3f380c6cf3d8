import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Webhook } from 'standardwebhooks';
import { DemoError, type Rest } from './rest.js';

/** An event as it arrives; `source` is left out. */
export interface Told {
  id: string;
  type: string;
  data: { runId?: string; entityType?: string; counts?: Record<string, number> };
}

/** How long an event that is sure to come is waited for, in milliseconds. */
const PATIENCE_MS = 20_000;

/** A backend that subscribes to what happens in institutions, and verifies what it is told. */
export class Receiver {
  /** By path, which each institution has its own of: what its messages are signed with, and what came. */
  readonly #inboxes = new Map<string, { secret: string; told: Map<string, Told> }>();
  readonly #server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      const isGood = this.#take(request.url ?? '', Buffer.concat(pieces), request.headers);
      response.writeHead(isGood ? 204 : 401).end();
    });
  });

  async open(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /** Subscribes to all events of an institution. */
  async subscribe(rest: Rest, institutionId: string): Promise<void> {
    const { port } = this.#server.address() as AddressInfo;
    const path = `/${institutionId}`;
    const { secret } = await rest.post<{ secret: string }>(`/institutions/${institutionId}/subscriptions`, {
      url: `http://127.0.0.1:${port}${path}`,
    });
    this.#inboxes.set(path, { secret, told: new Map() });
  }

  /** The events of an institution so far, once one of them is what is waited for. */
  async toldOf(institutionId: string, awaited: (event: Told) => boolean): Promise<Told[]> {
    const end = performance.now() + PATIENCE_MS;
    const all = () => [...(this.#inboxes.get(`/${institutionId}`)?.told.values() ?? [])];
    while (!all().some(awaited)) {
      if (performance.now() > end) throw new DemoError('an event did not arrive at its receiver');
      await sleep(50);
    }
    return all();
  }

  /** False for a message that somebody else may have sent. One that comes again is the same event. */
  #take(path: string, body: Buffer, headers: NodeJS.Dict<string | string[]>): boolean {
    const inbox = this.#inboxes.get(path);
    if (!inbox) return false;
    try {
      const event = new Webhook(inbox.secret).verify(body, headers as Record<string, string>) as Told;
      inbox.told.set(event.id, event);
      return true;
    } catch {
      return false;
    }
  }
}

/** The events of each type, a line each. */
export function summary(events: readonly Told[]): string {
  const counts = new Map<string, number>();
  for (const { type } of events) counts.set(type, (counts.get(type) ?? 0) + 1);
  return [...counts].map(([type, count]) => `  ${String(count).padStart(3)} × ${type}`).join('\n');
}
