import { ServiceError } from '../errors.js';
import type { IntegrationStore } from './integration-store.js';
import type { SyncTarget } from './sync-work.js';

/** The stored integration. Throws `not_found`, and `failed_precondition` when it is INACTIVE. */
export async function usable(store: IntegrationStore, id: string): Promise<SyncTarget> {
  const row = await store.row(id);
  if (row.status !== 'INACTIVE') return row;
  throw new ServiceError(
    'failed_precondition',
    'The integration is INACTIVE. Set its status to ACTIVE first.',
    {
      reason: 'INTEGRATION_INACTIVE',
    },
  );
}
