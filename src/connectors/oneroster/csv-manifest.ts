import { ConnectorError } from '../connector-error.js';
import type { CsvFolder } from '../generic-csv/index.js';
import { readTable } from './csv-table.js';

/** The files that are read; there are others, for grades and resources. */
export const FILES = [
  'orgs',
  'academicSessions',
  'courses',
  'classes',
  'users',
  'roles',
  'enrollments',
] as const;
export type FileName = (typeof FILES)[number];

/** absent: the set says nothing of these. bulk: all there are. delta: those that changed, and how. */
export type FileMode = 'absent' | 'bulk' | 'delta';

/**
 * What `manifest.csv` says of each file. Throws ConnectorError when it is missing or says something that
 * cannot be: without it nobody can tell all records from some.
 */
export async function readManifest(
  folder: CsvFolder,
  where: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<FileName, FileMode>> {
  const file = await folder.open('manifest.csv');
  if (!file) {
    throw new ConnectorError(
      `There is no manifest.csv in ${where}. OneRoster needs it: it says which files hold all records and which only changes.`,
    );
  }
  const said = new Map<string, string>();
  try {
    for await (const { rows } of readTable(file, ['propertyName', 'value'], signal)) {
      for (const row of rows)
        said.set((row.get('propertyName') ?? '').toLowerCase(), (row.get('value') ?? '').toLowerCase());
    }
  } finally {
    await file.close();
  }
  const modes = new Map<FileName, FileMode>();
  for (const name of FILES) modes.set(name, modeOf(name, said.get(`file.${name.toLowerCase()}`)));
  return modes;
}

function modeOf(name: FileName, word: string | undefined): FileMode {
  if (word === undefined || word === 'absent') return 'absent';
  if (word === 'bulk' || word === 'delta') return word;
  throw new ConnectorError(
    `manifest.csv says "${word.slice(0, 40)}" of file.${name}. It must be absent, bulk or delta.`,
  );
}
