import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { UsageError } from './exit-codes.js';

/** As much of JSON Schema as the settings of connectors are described by. */
export interface Schema {
  properties?: Record<string, Property>;
  required?: string[];
}

export interface Property {
  type?: string;
  description?: string;
  default?: JsonValue;
  enum?: string[];
}

/** Options by which settings and credentials are given. */
export interface Given {
  file?: string;
  set?: string[];
  secretEnv?: string[];
  secretFile?: string[];
}

export interface Body {
  institutionId?: string;
  provider?: string;
  status?: string;
  config?: JsonObject;
  credentials?: JsonObject;
  policy?: JsonObject;
}

const OBJECTS = ['config', 'credentials', 'policy'];
const TEXTS = ['institutionId', 'provider', 'status'];

/** The body that a file holds, or standard input for `-`. Throws `UsageError`. */
export async function readBody(file: string | undefined): Promise<Body> {
  if (file === undefined) return {};
  const read = file === '-' ? text(process.stdin) : readText(file);
  let body: unknown;
  try {
    body = JSON.parse(await read);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(
      `${file === '-' ? 'Standard input' : file} must hold JSON: ${(error as Error).message}.`,
    );
  }
  if (!isObject(body)) throw new UsageError('The body must be a JSON object.');
  for (const [name, value] of Object.entries(body)) {
    if (OBJECTS.includes(name) ? isObject(value) : TEXTS.includes(name) && typeof value === 'string')
      continue;
    const known = [...TEXTS, ...OBJECTS].join(', ');
    throw new UsageError(
      `"${name}" of the body is not what it may be. It has ${known}; the last three are objects.`,
    );
  }
  return body as Body;
}

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** `--set`: JSON where the schema does not ask for a text. Throws `UsageError` for a credential. */
export function settingsOf(
  given: readonly string[] = [],
  { config, credentials }: { config: Schema; credentials: Schema },
): JsonObject {
  const settings: JsonObject = {};
  for (const [name, value] of given.map((each) => nameAndValue(each, '--set'))) {
    if (credentials.properties?.[name] && !config.properties?.[name])
      throw new UsageError(
        `${name} is a credential, which others could see on a command line. Give it by --secret-env or --secret-file.`,
      );
    settings[name] = config.properties?.[name]?.type === 'string' ? value : jsonOrText(value);
  }
  return settings;
}

function jsonOrText(value: string): JsonValue {
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

/** Credentials from the environment and from files. Throws `UsageError`, which never holds a value. */
export async function secretsOf(
  { secretEnv = [], secretFile = [] }: Given,
  { credentials }: { credentials: Schema },
): Promise<JsonObject> {
  const secrets: JsonObject = {};
  for (const [name, variable] of secretEnv.map((each) => nameAndValue(each, '--secret-env'))) {
    const value = process.env[variable];
    if (!value) throw new UsageError(`The environment variable of --secret-env ${name} is not set.`);
    secrets[name] = value;
  }
  for (const [name, file] of secretFile.map((each) => nameAndValue(each, '--secret-file')))
    secrets[name] = (await readText(file)).replace(/\r?\n$/, '');
  const known = credentials.properties;
  const unknown = known && Object.keys(secrets).find((name) => !known[name]);
  if (unknown)
    throw new UsageError(
      `There is no credential ${unknown}: ${Object.keys(known).join(', ') || 'it has none'}.`,
    );
  return secrets;
}

function nameAndValue(text: string, option: string): [name: string, value: string] {
  const at = text.indexOf('=');
  if (at < 1) throw new UsageError(`${option} is written as name=value.`);
  return [text.slice(0, at), text.slice(at + 1)];
}

/** Throws `UsageError` with the reason. */
export function readText(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((error) => {
    throw new UsageError(`${file} cannot be read: ${error.code}.`);
  });
}
