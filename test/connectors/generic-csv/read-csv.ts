import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type CsvConfig, csvConfig, type FileKind } from '../../../src/connectors/generic-csv/csv-config.js';
import type { CsvFolder } from '../../../src/connectors/generic-csv/csv-file.js';
import { CsvSource } from '../../../src/connectors/generic-csv/csv-source.js';
import { localFolder } from '../../../src/connectors/generic-csv/local-folder.js';
import { S3Bucket } from '../../../src/connectors/generic-csv/s3-bucket.js';
import { type RecordIssue, wholePage } from '../../../src/connectors/index.js';
import { createPathJail } from '../../../src/security/index.js';
import { connectorContext } from '../../support/connector-context.js';
import { type Listening, listenOn } from '../../support/listen.js';
import { S3Simulator } from '../../support/s3-bucket/index.js';
import { tempFolder } from '../../support/temp-folder.js';

export interface ReadResult {
  records: Record<string, unknown>[];
  issues: RecordIssue[];
}

/** Puts a file where it can be read from. */
export type Storage = (name: string, bytes: Buffer) => Promise<CsvFolder>;

/** In a folder of this machine. */
export const inFolder: Storage = async (name, bytes) => {
  const root = await tempFolder();
  await writeFile(join(root, name), bytes);
  return localFolder(createPathJail(root), '.');
};

/** The same, packed. */
export const packed: Storage = (name, bytes) => inFolder(`${name}.gz`, gzipSync(bytes));

let server: Promise<Listening> | undefined;
const simulator = new S3Simulator({ accessKey: 'AKIATEST', secretKey: 'very-secret' });

/** In a bucket of S3. */
export const onS3: Storage = async (name, bytes) => {
  server ??= listenOn(simulator.handle);
  simulator.buckets.set('school', new Map());
  simulator.put('school', `exports/${name}`, bytes);
  const config = csvConfig.parse({
    s3Bucket: 'school',
    s3Prefix: 'exports',
    s3Endpoint: (await server).url,
    s3ForcePathStyle: true,
  });
  const credentials = { awsAccessKey: 'AKIATEST', awsSecretKey: 'very-secret' };
  return new S3Bucket({ context: connectorContext(await tempFolder()), config, credentials }).newestSet([
    name,
  ]);
};

/** Reads one file as the connector does: all its records and issues. */
export async function readCsv(
  content: Buffer | string,
  kind: FileKind = 'students',
  config: object = {},
  storage: Storage = inFolder,
): Promise<ReadResult> {
  const parsed: CsvConfig = csvConfig.parse({ importPath: '.', ...config });
  const folder = await storage(parsed.files[kind], Buffer.from(content));
  const source = new CsvSource({
    config: parsed,
    folder,
    signal: new AbortController().signal,
    integrationId: 'any',
  });
  const result: ReadResult = { records: [], issues: [] };
  const pages = kind === 'memberships' ? source.memberships('STUDENT') : source.entities(kind);
  for await (const given of pages) {
    const page = wholePage<object>(given);
    result.records.push(...(page.records as unknown as Record<string, unknown>[]));
    result.issues.push(...(page.issues ?? []));
  }
  return result;
}
