import { conflicts } from './conflicts.js';
import { deliveries } from './deliveries.js';
import { files } from './files.js';
import { integrations } from './integrations.js';
import { keys } from './keys.js';
import { mappings } from './mappings.js';
import type { IntegrationRpcs, RpcParts } from './rpc-types.js';
import { syncRuns } from './sync-runs.js';

/** smartid.integrations.v1.IntegrationService on the services of the product. */
export function integrationRpc(parts: RpcParts): IntegrationRpcs {
  return {
    ...integrations(parts),
    ...syncRuns(parts),
    ...conflicts(parts),
    ...mappings(parts),
    ...deliveries(parts),
    ...keys(parts),
    ...files(parts),
  };
}
