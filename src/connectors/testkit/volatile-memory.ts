import type { ConnectorMemory } from '../connector-memory.js';

/** A connector's memory that ends with the process; values go through JSON as in a database. */
export class VolatileMemory implements ConnectorMemory {
  readonly #topics = new Map<string, Map<string, string>>();

  async recall(topic: string, keys?: readonly string[]): Promise<Map<string, unknown>> {
    const kept = [...(this.#topics.get(topic) ?? [])].filter(([key]) => keys?.includes(key) ?? true);
    return new Map(kept.map(([key, value]) => [key, JSON.parse(value)]));
  }

  async remember(topic: string, values: ReadonlyMap<string, unknown>): Promise<void> {
    const kept = this.#topics.get(topic) ?? new Map<string, string>();
    this.#topics.set(topic, kept);
    for (const [key, value] of values) {
      if (value === undefined) kept.delete(key);
      else kept.set(key, JSON.stringify(value));
    }
  }
}
