import { z } from 'zod';
import { webAddress } from '../http/index.js';

/** Where each dialect is spoken, unless the config says otherwise. */
const DEFAULT_URLS = { gateway: 'https://api.idukay.cl', token: 'https://api.idukay.net' } as const;

/** The address of the API, by settings as they are stored. */
export function baseUrlOf({ apiUrl, dialect }: { apiUrl?: unknown; dialect?: unknown }): string {
  return typeof apiUrl === 'string' ? apiUrl : DEFAULT_URLS[dialect === 'token' ? 'token' : 'gateway'];
}

/** Settings of IDUKAY. */
export const idukayConfig = z.strictObject({
  apiUrl: webAddress('the address of the API, such as https://api.idukay.cl').optional().meta({
    description:
      'Address of the API. Default https://api.idukay.cl, or https://api.idukay.net for the token dialect.',
  }),
  timeout: z
    .int()
    .min(100)
    .max(600_000)
    .default(30_000)
    .meta({ description: 'Milliseconds that one call may take.' }),
  dialect: z.enum(['gateway', 'token'], { error: 'must be gateway or token' }).default('gateway').meta({
    description:
      "gateway: API key and institution code. token: a token of Idukay's own API; it reads students and staff only.",
  }),
  retryAttempts: z
    .int()
    .min(0)
    .max(10)
    .default(3)
    .meta({ description: 'How often a failed call is repeated at most.' }),
  retryDelay: z
    .int()
    .min(0)
    .max(60_000)
    .default(1_000)
    .meta({ description: 'Milliseconds before the first repeat; they double.' }),
  pageSize: z.int().min(1).max(1_000).default(100).meta({ description: 'Records asked for in one call.' }),
  institutionCode: z
    .string()
    .min(1)
    .optional()
    .meta({ description: 'Institution code, when it is not among the credentials.' }),
  timeZone: z
    .string()
    .optional()
    .meta({ description: 'IANA time zone of the school. Default America/Santiago.' }),
});

export type IdukayConfig = z.infer<typeof idukayConfig>;

export const idukayCredentials = z.strictObject({
  apiKey: z
    .string({ error: 'is required: the API key, or the token of the token dialect' })
    .min(1)
    .meta({ description: 'API key; in the token dialect the token from the administration panel.' }),
  institutionCode: z
    .string()
    .min(1)
    .optional()
    .meta({ description: 'Code of the institution; the gateway dialect needs it.' }),
  secret: z.string().min(1).optional().meta({ description: 'API secret, where the key came with one.' }),
});

export type IdukayCredentials = z.infer<typeof idukayCredentials>;
