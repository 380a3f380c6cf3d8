import type { z } from 'zod';
import type { ConnectorDefinition } from '../connector-definition.js';
import { IntegrationProvider } from '../integration-provider.js';
import { MappingEntityType } from '../mapping-entity-type.js';
import { csvConfig, csvCredentials, NO_FILE, UPLOADS, UPLOADS_ROOT } from './csv-config.js';
import { GenericCsvConnector } from './generic-csv-connector.js';
import { forgetFiles } from './take-file.js';

// What other connectors that read tables use: files of a folder or a bucket, their encodings, their rows.
export { type CsvConfig, csvConfig } from './csv-config.js';
export { type FileLook, lookAtEncoding } from './csv-encoding.js';
export type { CsvFile, CsvFolder } from './csv-file.js';
export { type CsvRow, readRows } from './csv-rows.js';
export { ListEnds } from './list-ends.js';
export { localFolder } from './local-folder.js';
export type { ChosenSet } from './s3-bucket.js';
export { isInPowers, swallowedRows } from './spoilt-rows.js';
/** Loaded where it is needed: it is as large as all the rest of the service. */
export const loadS3Bucket = async () => (await import('./s3-bucket.js')).S3Bucket;

const { COURSE, GROUP, STUDENT, TEACHER } = MappingEntityType;
/** By entity type, the file that may be said not to be there. */
const FILE_OF: Partial<Record<MappingEntityType, 'courses' | 'teachers'>> = {
  [COURSE]: 'courses',
  [TEACHER]: 'teachers',
};

/** GENERIC_CSV: a school's files in a local folder or a bucket of S3. */
export const genericCsv: ConnectorDefinition = {
  provider: IntegrationProvider.GENERIC_CSV,
  title: 'CSV files in a folder or on S3',
  config: csvConfig,
  credentials: csvCredentials,
  capabilities: {
    entityTypes: [COURSE, GROUP, STUDENT, TEACHER],
    sendsAttendance: true,
  },
  capabilitiesWith(config) {
    const { files = {}, coursesFromStudents } = config as z.input<typeof csvConfig>;
    const isThere = (type: MappingEntityType) => {
      const file = FILE_OF[type];
      return !file || files[file] !== NO_FILE || (type === COURSE && coursesFromStudents === true);
    };
    return { entityTypes: [COURSE, GROUP, STUDENT, TEACHER].filter(isThere), sendsAttendance: true };
  },
  takesFiles({ importPath, s3Bucket }) {
    if (!s3Bucket && importPath === UPLOADS) return true;
    return `This integration reads its files elsewhere. Set config.importPath to "${UPLOADS}", without s3Bucket, to give it files here.`;
  },
  forgetFiles,
  async foldersWritten(files, config) {
    if (config) return typeof config.exportPath === 'string' ? [config.exportPath] : [];
    return (await files.list(UPLOADS_ROOT)).map((name) => `${UPLOADS_ROOT}/${name}`);
  },
  create: (context) => new GenericCsvConnector(context),
};
