import http from 'node:http';
import https from 'node:https';
import type { Duplex } from 'node:stream';
import { type AddressGuard, AddressRefused, isRefusedLiteral } from './address-guard.js';

/** Thrown when a connection was not made in time: nothing of the call has arrived. */
export class ConnectTimeout extends Error {
  readonly code = 'ECONNECTTIMEOUT';
}

/** The agents of both schemes. */
export interface Agents {
  http: http.Agent;
  https: https.Agent;
}

const CONNECT_TIMEOUT_MS = 10_000;

type Create = (
  options: http.ClientRequestArgs,
  callback?: (error: Error | null, socket?: Duplex) => void,
) => Duplex | undefined;

/**
 * Agents that look at every address before they connect to it, a literal one and each that a name leads to.
 */
export function createGuardedAgents(guard: AddressGuard, options: { keepAlive: boolean }): Agents {
  return {
    http: guarded(new http.Agent(options), guard, 'connect'),
    https: guarded(new https.Agent(options), guard, 'secureConnect'),
  };
}

function guarded<A extends http.Agent>(agent: A, guard: AddressGuard, connected: string): A {
  // Public and documented, though the types leave it out.
  const self = agent as unknown as { createConnection: Create };
  const create = self.createConnection.bind(agent);
  self.createConnection = (options, callback) => {
    const host = options.host ?? '';
    if (isRefusedLiteral(guard, host)) {
      process.nextTick(() => callback?.(new AddressRefused(host)));
      return undefined;
    }
    const socket = create({ ...options, lookup: guard.lookup } as http.ClientRequestArgs, callback);
    if (socket) {
      const timer = setTimeout(() => {
        socket.destroy(new ConnectTimeout(`no connection within ${CONNECT_TIMEOUT_MS / 1_000} s`));
      }, CONNECT_TIMEOUT_MS);
      const stop = () => clearTimeout(timer);
      socket.once(connected, stop).once('close', stop);
    }
    return socket;
  };
  return agent;
}
