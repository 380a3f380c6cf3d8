import type { RecordIssue, RecordPage } from '../external-record.js';
import { type CsvConfig, NO_FILE } from './csv-config.js';
import type { EntityKind } from './csv-records.js';
import type { CsvDialect } from './csv-rows.js';

/**
 * What to say of a file that is not there; undefined where that was to be expected. `told`: what students.csv
 * says in its place.
 */
export function absenceOf(
  { files }: CsvConfig,
  kind: EntityKind,
  told: Pick<RecordPage<object>, 'records'> | undefined,
): string | undefined {
  const name = files[kind];
  const { students } = files;
  if (name === NO_FILE) {
    return told ? undefined : `There is no list of ${kind}: config.files.${kind} is "${NO_FILE}".`;
  }
  if (kind === 'students')
    return `${name} is not where the files are imported from. Put it there, or set config.files.${kind} to its name.`;
  const instead = `set config.files.${kind} to its name, or to "${NO_FILE}" if the school has no such file`;
  if (told && told.records.length > 0)
    return `${name} is not there, where its ${kind} came from before; those that ${students} names were not used. Put it back, or ${instead}.`;
  const none = told
    ? `, and no row of ${students} says in which group somebody is`
    : kind === 'groups'
      ? `, and ${students} has no column that tells the groups (curso, grupo)`
      : '';
  return `${name} is not there${none}. Put it there, or ${instead}.`;
}

/** What to say of a list of memberships that is not there, or has no rows. */
export function absenceOfMemberships(name: string, isThere: boolean): string {
  return `${name} ${isThere ? 'has no rows' : 'is not there'}. If the school has no such list any more, set config.files.memberships to "${NO_FILE}": what it brought then ends.`;
}

export function encodingWarning(name: string): RecordIssue {
  return {
    severity: 'warning',
    rule: 'file.encoding',
    problem: 'the file is not UTF-8 and was read as Windows-1252; look whether the accents are right',
    file: name,
    hint: 'Save it as "CSV UTF-8".',
  };
}

export function newerWorkbookWarning(name: string, workbook: string): RecordIssue {
  return {
    severity: 'warning',
    rule: 'file.newer',
    problem: `${workbook} is newer than ${name}, which was read`,
    file: name,
    hint: `Remove the one that is not meant: where both are there, ${name} is read.`,
  };
}

export function titleWarning(name: string, { titles, headerLine }: CsvDialect): RecordIssue {
  const text = titles.join(' / ').slice(0, 120);
  return {
    severity: 'warning',
    rule: 'file.titles',
    problem: `the header is on line ${headerLine}; above it ${titles.length === 1 ? 'a row was' : `${titles.length} rows were`} passed over: "${text}"`,
    file: name,
    hint: 'Nothing is lost if that is a title. Else put the names of the columns on the first line.',
  };
}
