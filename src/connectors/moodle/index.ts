import type { ConnectorDefinition } from '../connector-definition.js';
import { IntegrationProvider } from '../integration-provider.js';
import { MappingEntityType } from '../mapping-entity-type.js';
import { moodleConfig, moodleCredentials } from './moodle-config.js';
import { MoodleConnector } from './moodle-connector.js';

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
  },
  create: (context) => new MoodleConnector(context),
};
