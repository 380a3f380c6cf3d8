import {
  type Connector,
  MappingEntityType,
  type RecordSource,
  RosterConnector,
  type SISConnector,
  type SyncResult,
} from '../connectors/index.js';
import { ServiceError } from '../errors.js';

/**
 * The source of one entity type, or the mappings of a connector that writes its entities itself. `externalIds`: of
 * these alone, where the connector can read them one by one.
 */
export async function readEntities(
  connector: Connector,
  institutionId: string,
  entityType: MappingEntityType,
  externalIds?: readonly string[],
): Promise<RecordSource | SyncResult> {
  if (connector instanceof RosterConnector) {
    const some = externalIds && (await connector.single(entityType, externalIds));
    return some ?? connector.source(entityType) ?? notOffered(entityType);
  }
  return callSync(connector, entityType, institutionId);
}

function callSync(
  connector: SISConnector,
  entityType: MappingEntityType,
  institutionId: string,
): Promise<SyncResult> {
  switch (entityType) {
    case MappingEntityType.STUDENT:
      return connector.syncStudents(institutionId);
    case MappingEntityType.COURSE:
      return connector.syncCourses(institutionId);
    case MappingEntityType.GROUP:
      return connector.syncGroups?.(institutionId) ?? notOffered(entityType);
    case MappingEntityType.TEACHER:
      return connector.syncTeachers?.(institutionId) ?? notOffered(entityType);
  }
}

function notOffered(entityType: MappingEntityType): never {
  throw new ServiceError('unimplemented', `The connector does not sync ${entityType}.`, {
    reason: 'ENTITY_TYPE_UNSUPPORTED',
  });
}
