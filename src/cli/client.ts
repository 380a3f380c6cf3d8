import { readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { type Client, createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { IntegrationService } from '../../gen/smartid/integrations/v1/integration_service_pb.js';
import { UsageError } from './exit-codes.js';

export type Integrations = Client<typeof IntegrationService>;

/** A client for the server and token of the options, the environment, or the profile file, in this order. */
export async function connect(options: { server?: string; profile?: string }): Promise<Integrations> {
  const { SMARTID_SERVER, SMARTID_TOKEN } = process.env;
  const isComplete = (options.server ?? SMARTID_SERVER) && SMARTID_TOKEN && !options.profile;
  const profile = isComplete ? {} : await readProfile(options.profile);
  const baseUrl = options.server ?? SMARTID_SERVER ?? profile.server ?? 'http://127.0.0.1:8080';
  if (!URL.canParse(baseUrl))
    throw new UsageError('The server must be an address such as http://127.0.0.1:8080.');
  const token = SMARTID_TOKEN ?? profile.token;
  const transport = createConnectTransport({
    baseUrl,
    httpVersion: '1.1',
    interceptors: [
      (next) => (request) => {
        if (token) request.header.set('Authorization', `Bearer ${token}`);
        return next(request);
      },
    ],
  });
  return createClient(IntegrationService, transport);
}

async function readProfile(named?: string): Promise<{ server?: string; token?: string }> {
  const path = named ?? join(homedir(), '.config', 'smartid', 'profile.json');
  const found = await stat(path).catch(() => undefined);
  if (!found && named) throw new UsageError(`There is no profile file ${path}.`);
  if (!found) return {};
  if (found.mode & 0o077)
    throw new UsageError(`Others may read the profile file ${path}. Run: chmod 600 ${path}`);
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch {
    throw new UsageError(`The profile file ${path} must hold JSON: {"server": "…", "token": "…"}.`);
  }
}
