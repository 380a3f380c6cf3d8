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

/** Who is no caller with a token: what does things by itself, and what comes in by a signature or a secret address. */
export const SERVICE_ACTORS = ['attendance', 'retention', 'schedule', 'webhook'] as const;
export type ServiceActor = (typeof SERVICE_ACTORS)[number];
/** Who does what nobody called for: the run of a process that died goes on, say. */
export const SERVICE = 'service';
/** Who calls without a token that is known. */
export const ANONYMOUS = 'anonymous';
/** The bearer of ADMIN_TOKEN. */
export const ADMIN = 'admin';
/** The school's system that pushes. */
export const PUSH = 'push';
/** Names of actors that no token may have: who did something would not be known. */
export const RESERVED_ACTORS: readonly string[] = [...SERVICE_ACTORS, SERVICE, ANONYMOUS, ADMIN, PUSH];

const callers = new AsyncLocalStorage<Caller>();

/** Does a call and all it leads to on behalf of whoever is at this address. */
export function onBehalfOf<T>(address: string | undefined, work: () => T): T {
  return callers.run({ address }, work);
}

/** Does something that nobody calls for, in the name of what started it: `schedule`. */
export function onBehalfOfService<T>(actor: ServiceActor, work: () => T): T {
  return callers.run({ address: undefined, actor }, work);
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
