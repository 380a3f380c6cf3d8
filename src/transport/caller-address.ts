import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import proxyAddr from 'proxy-addr';

/**
 * Tells where a call comes from: the peer, or, where that is one of these proxies (addresses and ranges), the last address
 * of `X-Forwarded-For` that is none of them. What anybody else writes into that header counts for nothing.
 */
export function createCallerAddress(
  proxies: readonly string[],
): (request: IncomingMessage) => string | undefined {
  if (proxies.length === 0) return (request) => request.socket.remoteAddress;
  const isProxy = proxyAddr.compile([...proxies]);
  return (request) => {
    const { remoteAddress } = request.socket;
    // A connection that is gone has no address any more.
    if (remoteAddress === undefined) return undefined;
    const address = proxyAddr(request, isProxy);
    return isIP(address) ? address : remoteAddress;
  };
}

/** Whether a text is an address or a range that `createCallerAddress` takes. */
export function isProxyRange(text: string): boolean {
  try {
    proxyAddr.compile(text);
    return true;
  } catch {
    return false;
  }
}
