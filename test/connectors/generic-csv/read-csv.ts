import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CsvConfig, csvConfig, type FileKind } from '../../../src/connectors/generic-csv/csv-config.js';
import { CsvSource } from '../../../src/connectors/generic-csv/csv-source.js';
import type { RecordIssue } from '../../../src/connectors/index.js';
import { createPathJail } from '../../../src/security/index.js';
import { tempFolder } from '../../support/temp-folder.js';

export interface ReadResult {
  records: Record<string, unknown>[];
  issues: RecordIssue[];
}

/** Reads one file as the connector does: all its records and issues. */
export async function readCsv(bytes: Buffer | string, kind: FileKind = 'students', config: object = {}): Promise<ReadResult> {
  const root = await tempFolder();
  const parsed: CsvConfig = csvConfig.parse({ importPath: '.', ...config });
  await writeFile(join(root, parsed.files[kind]), bytes);
  const source = new CsvSource({ config: parsed, files: createPathJail(root), signal: new AbortController().signal });
  const result: ReadResult = { records: [], issues: [] };
  const pages = kind === 'memberships' ? source.memberships('STUDENT') : source.entities(kind);
  for await (const page of pages) {
    result.records.push(...(page.records as unknown as Record<string, unknown>[]));
    result.issues.push(...(page.issues ?? []));
  }
  return result;
}
