import type { z } from 'zod';
import type { ConnectorMemory, RememberOptions } from '../connector-memory.js';

/** What is remembered of one Moodle: ids of another site would be those of other people. */
export class MoodleMemory {
  readonly #memory: ConnectorMemory;
  readonly #site: string;

  constructor({ memory, apiUrl }: { memory: ConnectorMemory; apiUrl: string }) {
    this.#memory = memory;
    this.#site = apiUrl.replace(/\/+$/, '');
  }

  /** Values of a topic by key; those that do not fit the schema are not there. */
  async recall<T>(topic: string, schema: z.ZodType<T>, keys?: readonly string[]): Promise<Map<string, T>> {
    const kept = new Map<string, T>();
    for (const [key, value] of await this.#memory.recall(this.#name(topic), keys)) {
      const parsed = schema.safeParse(value);
      if (parsed.success) kept.set(key, parsed.data);
    }
    return kept;
  }

  /** Keeps values in place of those before, for so many days; `undefined` forgets one. */
  async remember(
    topic: string,
    values: ReadonlyMap<string, unknown>,
    options?: RememberOptions,
  ): Promise<void> {
    if (values.size > 0) await this.#memory.remember(this.#name(topic), values, options);
  }

  #name(topic: string): string {
    return `${topic} of ${this.#site}`;
  }
}

/** Times are remembered in seconds since 1970. */
export function nowInSeconds(): number {
  return Math.floor(Date.now() / 1_000);
}
