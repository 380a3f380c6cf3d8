import { useSyncExternalStore } from 'react';

/** The bearer token: in memory, or in sessionStorage where the person chose so. It is in no address and no cookie. */
const KEPT = 'token';
const listeners = new Set<() => void>();
let token = sessionStorage.getItem(KEPT) ?? undefined;
/** Whether the service turned away the token that was there. */
let isRefused = false;

function tell(): void {
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const session = {
  get token() {
    return token;
  },
  get isRefused() {
    return isRefused;
  },
  /** `keep`: until the tab is closed; else until the page is left. */
  open(given: string, keep: boolean): void {
    token = given;
    isRefused = false;
    if (keep) sessionStorage.setItem(KEPT, given);
    tell();
  },
  close(refused = false): void {
    if (token === undefined) return;
    token = undefined;
    isRefused = refused;
    sessionStorage.removeItem(KEPT);
    tell();
  },
};

/** Whether there is a token. */
export function useSignedIn(): boolean {
  return useSyncExternalStore(subscribe, () => token !== undefined);
}
