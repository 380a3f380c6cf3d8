import { z } from 'zod';
import { webAddress } from '../http/index.js';

/** Types of `userIds` that hold a national id, unless the config names another. */
const NATIONAL_ID_TYPES = ['rut', 'run', 'nationalId', 'national_id', 'cedula', 'dni', 'curp'];

const settings = z.strictObject({
  version: z
    .enum(['1.1', '1.2'], { error: 'must be "1.1" or "1.2"' })
    .default('1.2')
    .meta({ description: 'Version of OneRoster that the API speaks. Files say it themselves.' }),
  apiUrl: webAddress(
    'the address of the OneRoster API, such as https://sis.example/ims/oneroster/rostering/v1p2',
  )
    .optional()
    .meta({ description: 'Address that the lists are below: /students, /classes and so on.' }),
  tokenUrl: webAddress('the address that gives tokens, such as https://sis.example/oauth/token')
    .optional()
    .meta({ description: 'Address of the token endpoint (OAuth 2.0, client credentials).' }),
  scope: z.string().max(1_000).optional().meta({
    description: 'Scopes to ask for, separated by spaces; default: roster-core.readonly of the version.',
  }),
  tokenAuthentication: z
    .enum(['basic', 'body'], { error: 'must be "basic" or "body"' })
    .default('basic')
    .meta({ description: 'Where the token endpoint wants client id and secret.' }),
  pageSize: z.int().min(1).max(10_000).default(100).meta({ description: 'Records asked for in one call.' }),
  fullEveryDays: z.int().min(0).max(90).default(7).meta({
    description:
      'A reading asks for what changed since the one before, and for everything when so many days have passed. 0: always for everything.',
  }),
  nationalIdTypes: z
    .array(z.string().min(1))
    .min(1)
    .default(NATIONAL_ID_TYPES)
    .meta({ description: 'Types of userIds that hold the national id, the first that is there counts.' }),
  importPath: z.string().min(1).optional().meta({
    description: 'Folder that holds the zip, or its files, below the folder that the operator allows.',
  }),
  zipFile: z
    .string()
    .regex(/^[^/\\]+\.zip$/i, 'must be the name of a zip file, such as oneroster.zip')
    .max(255)
    .default('oneroster.zip')
    .meta({ description: 'Name of the zip file in the folder or the bucket.' }),
  s3Bucket: z
    .string()
    .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'is not a name of a bucket')
    .optional()
    .meta({ description: 'S3 bucket that holds the zip.' }),
  s3Prefix: z
    .string()
    .max(900)
    .default('')
    .meta({ description: 'Folder in the bucket; the newest zip of that name below it is read.' }),
  s3Region: z.string().min(1).default('us-east-1').meta({ description: 'Region of the bucket.' }),
  s3Endpoint: webAddress('the address of an S3 service, such as https://s3.example.com')
    .optional()
    .meta({ description: 'Address of an S3 service other than that of AWS.' }),
  s3ForcePathStyle: z
    .boolean()
    .optional()
    .meta({ description: 'Whether the bucket stands in the path instead of the host name.' }),
  timeout: z
    .int()
    .min(100)
    .max(600_000)
    .default(30_000)
    .meta({ description: 'Milliseconds that one call may take.' }),
  timeZone: z
    .string()
    .optional()
    .meta({ description: 'IANA time zone of the school. Default America/Santiago.' }),
});

const SOURCES = ['apiUrl', 's3Bucket', 'importPath'] as const;

/** Settings of ONEROSTER: exactly one of the API, a bucket and a folder is where it reads. */
export const oneRosterConfig = settings
  .refine((config) => SOURCES.filter((name) => config[name] !== undefined).length === 1, {
    path: ['apiUrl'],
    error:
      'is required: the address of the API (or instead of it importPath or s3Bucket, where the zip is); only one of the three',
  })
  .refine(({ apiUrl, tokenUrl }) => (apiUrl === undefined) === (tokenUrl === undefined), {
    path: ['tokenUrl'],
    error: 'is required with apiUrl, and only there: the address that gives tokens',
  });

export type OneRosterConfig = z.infer<typeof oneRosterConfig>;

const key = (description: string) => z.string().min(1).optional().meta({ description });

/** The API needs clientId and clientSecret; files need nothing, or the keys of S3. */
export const oneRosterCredentials = z
  .strictObject({
    clientId: key('Client id of the API.'),
    clientSecret: key('Client secret of the API.'),
    awsAccessKey: key('AWS access key; default: those of the service itself.'),
    awsSecretKey: key('AWS secret key.'),
  })
  .refine(({ clientId, clientSecret }) => (clientId === undefined) === (clientSecret === undefined), {
    path: ['clientSecret'],
    error: 'and clientId go together: give both, or none where the roster comes as files',
  })
  .refine(({ awsAccessKey, awsSecretKey }) => (awsAccessKey === undefined) === (awsSecretKey === undefined), {
    path: ['awsSecretKey'],
    error: 'and awsAccessKey go together: give both, or none to use the keys of the service itself',
  });

export type OneRosterCredentials = z.infer<typeof oneRosterCredentials>;
