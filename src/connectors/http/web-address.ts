import { z } from 'zod';

/**
 * The http(s) address of a system, as a setting; `what` says what it must be: "the address of the API, such
 * as …". A name, a password or a query in it is refused: messages and logs show addresses, and secrets have
 * their own settings.
 */
export function webAddress(what: string) {
  return z
    .url({ protocol: /^https?$/, error: `must be ${what}` })
    .refine(isBare, 'must be an address alone, without a name, a password, a query or a fragment in it');
}

function isBare(address: string): boolean {
  if (!URL.canParse(address)) return false;
  const url = new URL(address);
  return !url.username && !url.password && !url.search && !url.hash;
}
