import type { RecordIssue } from '../external-record.js';
import { fold } from './column-names.js';
import type { CsvFile, MergedCells } from './csv-file.js';
import type { CsvColumns } from './csv-headers.js';
import type { CsvDialect } from './csv-rows.js';

/** Why a file may not hold all that the list says. */
export interface Doubt {
  /** Where people look for what is wrong with rows. */
  issues?: RecordIssue[];
  gap: string;
}

/** Fields that are of everybody: an empty cell there says something, which a merged one does not mean. */
const SAYING = new Set([
  'groupExternalId',
  'groupCourse',
  'groupLetter',
  'courseExternalId',
  'teacherExternalId',
  'personExternalId',
  'studentExternalId',
  'role',
  'status',
]);

/** What a sheet that was read to its end leaves in doubt. */
export async function sheetDoubts(file: CsvFile, dialect: CsvDialect, columns: CsvColumns): Promise<Doubt[]> {
  const merged = mergedValue(file.merged?.() ?? [], dialect, columns);
  const same = (await file.otherSheets?.())?.filter(({ rows }) => holdsSameList(rows, dialect)) ?? [];
  return [
    ...(merged ? [doubtOfMerged(file.name, merged)] : []),
    ...(same.length > 0
      ? [
          doubtOfSheets(
            file.name,
            same.map(({ name }) => name),
          ),
        ]
      : []),
  ];
}

/** Cells below the header that were made one, in a column where the value would count for each of the rows. */
function mergedValue(
  merged: readonly MergedCells[],
  { headerLine }: CsvDialect,
  { positions, names }: CsvColumns,
): { cells: MergedCells; column: string } | undefined {
  for (const [field, position] of positions) {
    if (!SAYING.has(field)) continue;
    const cells = merged.find(
      ({ rows, columns }) => rows[0] > headerLine && columns[0] <= position && position <= columns[1],
    );
    if (cells) return { cells, column: names[field] ?? field };
  }
  return undefined;
}

/** Whether the list goes on there: the same header, with rows below. */
function holdsSameList(rows: readonly (readonly string[])[], { headers }: CsvDialect): boolean {
  const named = (cells: readonly string[]) => cells.map(fold).join(' ').trim();
  const header = rows.findIndex((cells) => named(cells) === named(headers));
  return header >= 0 && header < rows.length - 1;
}

function doubtOfMerged(name: string, { cells, column }: { cells: MergedCells; column: string }): Doubt {
  const [line] = cells.rows;
  const where = `the cells ${cells.reference} of ${column} are merged`;
  const hint = 'Unmerge them, and write the value into each row.';
  return {
    issues: [
      {
        severity: 'warning',
        rule: 'cells.merged',
        problem: `${where}: their value counts for the first of their rows alone`,
        line,
        column,
        hint,
      },
    ],
    gap: `${name}: ${where}, and the rows below the first lack their value. ${hint}`,
  };
}

function doubtOfSheets(name: string, sheets: readonly string[]): Doubt {
  const named = sheets.slice(0, 3).map((sheet) => `"${sheet}"`);
  const more = sheets.length > 3 ? ' …' : '';
  const hint = 'Put all rows on one sheet, or say by config.sheet which one counts.';
  return {
    issues: [
      {
        severity: 'warning',
        rule: 'sheet.others',
        problem: `the sheet ${named.join(', ')}${more} has the same header, and was not read`,
        hint,
      },
    ],
    gap: `${name}: the list seems to go on on the sheet ${named.join(', ')}${more}, which was not read. ${hint}`,
  };
}
