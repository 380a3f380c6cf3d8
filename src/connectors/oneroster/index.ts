import type { ConnectorDefinition } from '../connector-definition.js';
import { IntegrationProvider } from '../integration-provider.js';
import { MappingEntityType } from '../mapping-entity-type.js';
import { hostOfApi } from '../run-host.js';
import { oneRosterConfig, oneRosterCredentials } from './oneroster-config.js';
import { OneRosterConnector } from './oneroster-connector.js';

const RUNS_AT_ONCE = 4;

/** ONEROSTER: any system that offers OneRoster 1.1 or 1.2, by its API or as CSV files. It is only read from. */
export const oneRoster: ConnectorDefinition = {
  provider: IntegrationProvider.ONEROSTER,
  title: 'OneRoster',
  config: oneRosterConfig,
  credentials: oneRosterCredentials,
  capabilities: {
    entityTypes: [
      MappingEntityType.COURSE,
      MappingEntityType.GROUP,
      MappingEntityType.STUDENT,
      MappingEntityType.TEACHER,
    ],
    sendsAttendance: false,
  },
  // One server may hold the schools of a district.
  host: ({ apiUrl }) => hostOfApi(apiUrl, RUNS_AT_ONCE),
  create: (context) => new OneRosterConnector(context),
};
