import { type Capabilities, MappingEntityType, type SISConnector, type SyncResult } from '../connectors/index.js';
import { ServiceError } from '../errors.js';
import { type Corridor, type SyncPolicy, type SyncWork, syncPolicy } from '../sync/index.js';
import type { ConnectorSessions, ConnectorTarget } from './connector-session.js';

/** Teachers before their groups, groups before their students: so that everybody referred to is known. */
const ORDER = [MappingEntityType.COURSE, MappingEntityType.TEACHER, MappingEntityType.GROUP, MappingEntityType.STUDENT];

export interface SyncTarget extends ConnectorTarget {
  policy: Record<string, unknown>;
}

/** What a sync run does: asks one connector for its entities, type by type. */
export function syncWork(sessions: ConnectorSessions, target: SyncTarget, { entityTypes }: Capabilities): SyncWork {
  return {
    policy: policyOf(target),
    entityTypes: ORDER.filter((type) => entityTypes.includes(type)),
    open: (use) => {
      let corridor: Corridor = notOffered;
      return sessions.open(
        target,
        (call) =>
          use((entityType, into) => {
            corridor = into;
            return call((connector) => callSync(connector, entityType, target.institutionId));
          }),
        { sync: (source) => corridor(source) },
      );
    },
  };
}

export function policyOf({ policy }: Pick<SyncTarget, 'policy'>): SyncPolicy {
  return syncPolicy.parse(policy);
}

function callSync(connector: SISConnector, entityType: MappingEntityType, institutionId: string): Promise<SyncResult> {
  switch (entityType) {
    case MappingEntityType.STUDENT:
      return connector.syncStudents(institutionId);
    case MappingEntityType.COURSE:
      return connector.syncCourses(institutionId);
    case MappingEntityType.GROUP:
      return (connector.syncGroups ?? notOffered).call(connector, institutionId);
    case MappingEntityType.TEACHER:
      return (connector.syncTeachers ?? notOffered).call(connector, institutionId);
  }
}

function notOffered(): never {
  throw new ServiceError('unimplemented', 'The connector does not sync this entity type.', { reason: 'ENTITY_TYPE_UNSUPPORTED' });
}
