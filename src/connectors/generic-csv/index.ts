import type { ConnectorDefinition } from '../connector-definition.js';
import { IntegrationProvider } from '../integration-provider.js';
import { MappingEntityType } from '../mapping-entity-type.js';
import { csvConfig, csvCredentials } from './csv-config.js';
import { GenericCsvConnector } from './generic-csv-connector.js';

// What other connectors that read tables use: files of a folder or a bucket, their encodings, their rows.
export { type CsvConfig, csvConfig } from './csv-config.js';
export { type FileLook, lookAtEncoding } from './csv-encoding.js';
export type { CsvFile, CsvFolder } from './csv-file.js';
export { type CsvRow, readRows } from './csv-rows.js';
export { localFolder } from './local-folder.js';
export type { ChosenSet } from './s3-bucket.js';
/** Loaded where it is needed: it is as large as all the rest of the service. */
export const loadS3Bucket = async () => (await import('./s3-bucket.js')).S3Bucket;

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
