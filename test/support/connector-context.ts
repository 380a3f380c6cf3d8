import type { ConnectorContext } from '../../src/connectors/index.js';
import { Outbound, Secrets } from '../../src/connectors/index.js';
import { VolatileMemory } from '../../src/connectors/testkit/index.js';
import { createLogger } from '../../src/observability/index.js';
import { createPathJail } from '../../src/security/index.js';

/** What a connector is handed, with a real jail and real connections to this machine. */
export function connectorContext(root: string): ConnectorContext {
  const outbound = new Outbound({ allow: ['127.0.0.1'] });
  const logger = createLogger({ level: 'silent' });
  const secrets = new Secrets();
  const { signal } = new AbortController();
  return {
    integrationId: '00000000-0000-4000-8000-000000000001',
    institutionId: '00000000-0000-4000-8000-000000000002',
    timeZone: 'America/Santiago',
    logger,
    signal,
    files: createPathJail(root),
    http: (options) => outbound.client({ ...options, signal, logger, secrets }),
    outbound,
    secrets,
    memory: new VolatileMemory(),
    s3: { endpoint: undefined, forcePathStyle: true },
    cursor: () => Promise.resolve(undefined),
    delivered: () => Promise.resolve(),
    handOutAgain: () => Promise.resolve(),
    assertMaySend: () => {},
  };
}
