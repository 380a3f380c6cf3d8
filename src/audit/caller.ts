import { AsyncLocalStorage } from 'node:async_hooks';

/** Who makes a call, as far as it is known yet. */
export interface Caller {
  /** The peer's address; of a proxy, where one is in between. */
  address: string | undefined;
  requestId?: string;
  /** The method that is called, such as `UpdateIntegration`. */
  method?: string;
  /** By what the caller is known: the name of a token, or `push`; undefined as long as nobody vouches. */
  actor?: string | undefined;
}

const callers = new AsyncLocalStorage<Caller>();

/** Does a call and all it leads to on behalf of whoever is at this address. */
export function onBehalfOf<T>(address: string | undefined, work: () => T): T {
  return callers.run({ address }, work);
}

/** Adds what has become known of the caller. Without a call there is nothing to add to. */
export function identifyCaller(known: Omit<Caller, 'address'>): void {
  const caller = callers.getStore();
  if (caller) Object.assign(caller, known);
}

/** Whoever makes the call under way; undefined for what the service does by itself. */
export function currentCaller(): Caller | undefined {
  return callers.getStore();
}
