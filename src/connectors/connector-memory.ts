/**
 * What a connector keeps from one operation to the next, for its own integration: small JSON values by key. It
 * goes with the integration. What is remembered may be of a time with other settings, or gone: it saves calls,
 * and nothing may depend on it.
 */
export interface ConnectorMemory {
  /** The values of a topic by key, with `keys` of these alone. */
  recall(topic: string, keys?: readonly string[]): Promise<Map<string, unknown>>;
  /**
   * Keeps values in place of those before; `undefined` forgets one. One that is not kept again is forgotten
   * after `days`, 400 by default.
   */
  remember(topic: string, values: ReadonlyMap<string, unknown>, options?: RememberOptions): Promise<void>;
}

export interface RememberOptions {
  days?: number;
}
