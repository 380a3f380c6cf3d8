import { createHash, timingSafeEqual } from 'node:crypto';

/** A bearer token, and the name by which the log calls whoever bears it. */
export interface NamedToken {
  name: string;
  token: string;
}

/**
 * Tells the name of a bearer token that is one of these, in a time that says nothing about how close it was;
 * undefined for any other.
 */
export function createTokenVerifier(tokens: readonly NamedToken[]): (token: string) => string | undefined {
  const digests = tokens.map(({ name, token }) => ({ name, digest: digest(token) }));
  return (token) => {
    const given = digest(token);
    let found: string | undefined;
    for (const known of digests) if (timingSafeEqual(known.digest, given)) found = known.name;
    return found;
  };
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
