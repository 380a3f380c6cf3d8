import { z } from 'zod';
import { RESERVED_ACTORS } from './audit/index.js';
import { listOf, optional } from './optional-variable.js';

/** Characters that a bearer token has at least. */
export const MIN_TOKEN = 32;
const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;

/** API_TOKENS: `name:token` pairs. */
export const namedTokens = optional(
  z
    .string()
    .default('')
    .transform((text) => listOf(text).map((pair) => pair.split(/:(.*)/s, 2) as [string, string?]))
    .superRefine((pairs, context) => {
      const problem = problemOfTokens(pairs);
      if (problem) context.addIssue({ code: 'custom', message: problem });
    }),
);

/** What is wrong with `name:token` pairs; never holds a token. */
function problemOfTokens(pairs: readonly (readonly [name: string, token?: string])[]): string | undefined {
  const names = pairs.map(([name]) => name);
  const isUsable = ([name, token]: readonly [string, string?]) => NAME.test(name) && token !== undefined;
  if (!pairs.every(isUsable))
    return 'must be name:token pairs, comma separated; a name has small letters, digits, ".", "_" and "-", 64 at most';
  const taken = names.find((name) => RESERVED_ACTORS.includes(name));
  if (taken) return `has the name ${taken}, which means something else in the audit`;
  if (new Set(names).size < names.length) return 'has a name twice';
  const short = pairs.find(([, token = '']) => token.length < MIN_TOKEN || /\s/.test(token));
  if (short)
    return `has a token of ${short[0]} that is no text of at least ${MIN_TOKEN} characters without spaces; openssl rand -hex 32 makes a good one`;
  return undefined;
}
