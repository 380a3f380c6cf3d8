import type { ConnectorDefinition } from '../connector-definition.js';
import { IntegrationProvider } from '../integration-provider.js';
import { MappingEntityType } from '../mapping-entity-type.js';
import { hostOfApi } from '../run-host.js';
import { moodleConfig, moodleCredentials } from './moodle-config.js';
import { MoodleConnector } from './moodle-connector.js';

const RUNS_AT_ONCE = 2;

/** MOODLE: a Moodle site with its web services and, for attendance, the attendance plugin. */
export const moodle: ConnectorDefinition = {
  provider: IntegrationProvider.MOODLE,
  title: 'Moodle',
  config: moodleConfig,
  credentials: moodleCredentials,
  capabilities: {
    entityTypes: [
      MappingEntityType.COURSE,
      MappingEntityType.GROUP,
      MappingEntityType.STUDENT,
      MappingEntityType.TEACHER,
    ],
    sendsAttendance: true,
    readsOne: [MappingEntityType.COURSE, MappingEntityType.STUDENT, MappingEntityType.TEACHER],
  },
  // A site is often one small server.
  host: ({ apiUrl }) => hostOfApi(apiUrl, RUNS_AT_ONCE),
  create: (context) => new MoodleConnector(context),
};
