import { type Capabilities, type ConnectorDefinition, MappingEntityType } from '../connectors/index.js';
import { type SyncPolicy, type SyncWork, syncPolicy } from '../sync/index.js';
import type { ConnectorSessions, ConnectorTarget } from './connector-session.js';

/** Teachers before their groups, groups before their students: so that everybody referred to is known. */
const ORDER = [
  MappingEntityType.COURSE,
  MappingEntityType.TEACHER,
  MappingEntityType.GROUP,
  MappingEntityType.STUDENT,
];

export interface SyncTarget extends ConnectorTarget {
  policy: Record<string, unknown>;
}

/** The school system of an integration, as sync runs read it: one connector, type by type. */
export function syncWork(
  sessions: ConnectorSessions,
  target: SyncTarget,
  { entityTypes }: Capabilities,
): SyncWork {
  return {
    policy: policyOf(target),
    entityTypes: ORDER.filter((type) => entityTypes.includes(type)),
    open: (signal, use) =>
      sessions.open(target, { signal }, (call) => use((...of) => call.read(target.institutionId, ...of))),
  };
}

export function policyOf({ policy }: Pick<SyncTarget, 'policy'>): SyncPolicy {
  return syncPolicy.parse(policy);
}

/** What of a connector's capabilities remains with these settings. */
export function capabilitiesOf(
  definition: ConnectorDefinition,
  config: Record<string, unknown>,
): Capabilities {
  return definition.capabilitiesWith?.(config) ?? definition.capabilities;
}
