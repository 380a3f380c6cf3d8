import type { ConnectorDefinition } from '../connector-definition.js';
import { IntegrationProvider } from '../integration-provider.js';
import { MappingEntityType } from '../mapping-entity-type.js';
import { csvConfig, csvCredentials } from './csv-config.js';
import { GenericCsvConnector } from './generic-csv-connector.js';

/** GENERIC_CSV: a school's files in a local folder or a bucket of S3. */
export const genericCsv: ConnectorDefinition = {
  provider: IntegrationProvider.GENERIC_CSV,
  title: 'CSV files in a folder or on S3',
  config: csvConfig,
  credentials: csvCredentials,
  capabilities: {
    entityTypes: [
      MappingEntityType.COURSE,
      MappingEntityType.GROUP,
      MappingEntityType.STUDENT,
      MappingEntityType.TEACHER,
    ],
    sendsAttendance: true,
  },
  create: (context) => new GenericCsvConnector(context),
};
