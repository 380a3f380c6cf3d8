import { type Database, type LeaseOptions, Leases } from '../../src/database/index.js';
import { createLogger } from '../../src/observability/index.js';

/**
 * A database as one of several processes sees it, on the embedded one too; `changed` replaces some of its
 * methods.
 */
export function sharedByProcesses(database: Database, changed: Partial<Database> = {}): Database {
  return new Proxy(database, {
    get(target, name: keyof Database) {
      if (changed[name] !== undefined) return changed[name];
      if (name === 'isExclusive') return false;
      const value = target[name];
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** The leases of a process of its own. */
export function leasesOfAProcess(
  database: Database,
  options: Partial<Pick<LeaseOptions, 'ttlSeconds' | 'renewSeconds'>> = {},
): Leases {
  return new Leases({ database, logger: createLogger({ level: 'silent' }), ttlSeconds: 15, ...options });
}
