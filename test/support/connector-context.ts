import type { ConnectorContext } from '../../src/connectors/index.js';
import { createLogger } from '../../src/observability/index.js';
import { createPathJail } from '../../src/security/index.js';

/** What a connector is handed, with a real jail and no corridor. */
export function connectorContext(root: string): ConnectorContext {
  return {
    integrationId: '00000000-0000-4000-8000-000000000001',
    institutionId: '00000000-0000-4000-8000-000000000002',
    timeZone: 'America/Santiago',
    logger: createLogger({ level: 'silent' }),
    signal: new AbortController().signal,
    files: createPathJail(root),
    sync: () => Promise.reject(new Error('no corridor here')),
  };
}
