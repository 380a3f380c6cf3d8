import { createRegistry, type DescFile, type DescMessage, type Message, toJson } from '@bufbuild/protobuf';
import {
  createIntegrationsClient,
  type IntegrationsClient,
  services,
} from '../../clients/typescript/src/node.js';
import { UsageError } from './exit-codes.js';
import { readProfile } from './profile.js';

/** What a command works with. */
export interface Session {
  api: IntegrationsClient;
  /** Where the service is, without a slash at its end. */
  baseUrl: string;
  /** The token, for what is not an RPC. */
  token: string | undefined;
  /** Whether `--json` was asked for. */
  json: boolean;
}

export interface GlobalOptions {
  server?: string;
  profile?: string;
  json?: boolean;
}

export const DEFAULT_SERVER = 'http://127.0.0.1:8080';

/** A client for the server and token of the options, the environment, or the profile file, in this order. */
export async function connect({ server, profile: named, json = false }: GlobalOptions): Promise<Session> {
  const ofServer = server ?? setVariable('SMARTID_SERVER');
  const ofToken = setVariable('SMARTID_TOKEN');
  const isComplete = ofServer && ofToken && !named;
  const profile = isComplete ? {} : await readProfile(named);
  return sessionWith(ofServer ?? profile.server ?? DEFAULT_SERVER, ofToken ?? profile.token, json);
}

/** A variable of the environment; one that is empty is not set. */
export function setVariable(name: string): string | undefined {
  return process.env[name] || undefined;
}

/** Throws `UsageError` for an address that is none, and for a token that cannot be one. */
export function sessionWith(baseUrl: string, token: string | undefined, json: boolean): Session {
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token))
    throw new UsageError('The token has a blank, a line break or another character that no token has.');
  try {
    return { api: createIntegrationsClient({ baseUrl, token }), baseUrl, token, json };
  } catch (error) {
    throw new UsageError(
      `The server must be an address such as http://127.0.0.1:8080: ${(error as Error).message}.`,
    );
  }
}

const registry = createRegistry(...services.flatMap(({ file }) => withDependencies(file)));

function withDependencies(file: DescFile): DescFile[] {
  return [file, ...file.dependencies.flatMap(withDependencies)];
}

/** A message in the shape that it has in REST answers; what is empty is left out, but for `emptyToo`. */
export function asJson(message: Message, { emptyToo = false } = {}): Record<string, unknown> {
  const schema = registry.getMessage(message.$typeName) as DescMessage;
  return toJson(schema, message, { registry, alwaysEmitImplicit: emptyToo }) as Record<string, unknown>;
}
