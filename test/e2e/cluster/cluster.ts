import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startService, type TestService, TOKEN } from '../../support/service.js';

const RECEIVER = fileURLToPath(new URL('./receiver.js', import.meta.url));
/** Milliseconds that a call may take; one that takes longer counts as not answered. */
const PATIENCE = 10_000;

/** Processes of the service that work on one database, of which any may be killed. */
export class Cluster {
  readonly #services: (TestService | undefined)[] = [];

  constructor(
    private readonly dataDir: string,
    private readonly env: Record<string, string>,
  ) {}

  async start(count: number): Promise<void> {
    // The first one makes the schema and the keys.
    for (let place = 0; place < count; place++) await this.startAgain(place);
  }

  /** Starts a process; tries again for as long as it cannot, as a supervisor does. */
  async startAgain(place: number): Promise<void> {
    for (let tries = 0; ; tries++) {
      try {
        this.#services[place] = await startService({ dataDir: this.dataDir, env: this.env });
        return;
      } catch (error) {
        if (tries > 30) throw error;
      }
    }
  }

  async kill(place: number): Promise<void> {
    const service = this.#services[place];
    this.#services[place] = undefined;
    await service?.stop('SIGKILL');
  }

  /** Where a call goes: one of the processes that run. */
  url(chance: () => number): string | undefined {
    const running = this.#services.flatMap((service) => service?.url ?? []);
    return running[Math.floor(chance() * running.length)];
  }

  async stop(): Promise<void> {
    await Promise.all(this.#services.map((service) => service?.stop()));
  }
}

export interface Answer {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: JSON of any shape.
  body: any;
}

/** A call; undefined where nobody knows what became of it. */
export async function call(
  url: string | undefined,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = { Authorization: `Bearer ${TOKEN}` },
): Promise<Answer | undefined> {
  if (url === undefined) return undefined;
  try {
    const answer = await fetch(url + path, {
      method,
      headers: { 'Content-Type': 'application/json', ...headers },
      signal: AbortSignal.timeout(PATIENCE),
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    return { status: answer.status, body: await answer.json() };
  } catch {
    return undefined;
  }
}

/** The receiver of events in a process of its own, on one port for good. */
export class Receiver {
  #process: ChildProcess | undefined;
  #port = 0;
  readonly #file: string;

  constructor(folder: string) {
    this.#file = join(folder, 'events.jsonl');
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/`;
  }

  async start(): Promise<void> {
    this.#process = fork(RECEIVER, [String(this.#port), this.#file], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const [{ port }] = (await once(this.#process, 'message')) as [{ port: number }];
    this.#port = port;
  }

  async kill(): Promise<void> {
    const child = this.#process;
    if (!child) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  /** What came in, in order; a line that was being written when it was killed counts for nothing. */
  received(): { id: string; event: { id: string; type: string; source: string } }[] {
    return readFileSync(this.#file, 'utf8')
      .split('\n')
      .flatMap((line) => {
        try {
          const { id, body } = JSON.parse(line);
          return [{ id, event: JSON.parse(body) }];
        } catch {
          return [];
        }
      });
  }
}

/** Chance that a number decides: mulberry32. */
export function chanceOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
