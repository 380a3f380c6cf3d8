import type { RecordIssue } from '../external-record.js';
import type { UnderstoodColumn, UnderstoodList } from '../given-file.js';
import { MappingEntityType } from '../mapping-entity-type.js';
import type { FileKind } from './csv-config.js';
import type { CsvColumns } from './csv-headers.js';
import type { CsvDialect, CsvRow } from './csv-rows.js';

const ENTITY_TYPES: Partial<Record<FileKind, MappingEntityType>> = {
  students: MappingEntityType.STUDENT,
  teachers: MappingEntityType.TEACHER,
  courses: MappingEntityType.COURSE,
  groups: MappingEntityType.GROUP,
};
const SHOWN_ROWS = 5;
const SHOWN_ISSUES = 50;
/** Characters of a cell that are shown. */
const SHOWN_CELL = 200;

/** Counts the rows of a list while they are read, and keeps the first. */
export class ListTally {
  readonly #rows: { line: number; cells: string[] }[] = [];
  readonly #issues: RecordIssue[] = [];
  #rowCount = 0;
  #errors = 0;
  #warnings = 0;

  constructor(issues: readonly RecordIssue[]) {
    this.#note(issues);
  }

  add({ line, cells }: CsvRow, issues: readonly RecordIssue[]): void {
    this.#rowCount += 1;
    if (this.#rows.length < SHOWN_ROWS)
      this.#rows.push({ line, cells: cells.map((cell) => cell.slice(0, SHOWN_CELL)) });
    this.#note(issues);
  }

  told(
    kind: FileKind,
    found: { dialect: CsvDialect; columns: CsvColumns; sheet: string | undefined; more: RecordIssue[] },
  ): UnderstoodList {
    const { dialect, columns, sheet, more } = found;
    this.#note(more);
    const shown = shownColumns(dialect, columns);
    return {
      list: kind,
      entityType: ENTITY_TYPES[kind],
      sheet,
      headerLine: dialect.headerLine,
      columns: shown.map(({ position: _, ...column }) => column),
      rows: this.#rows.map(({ line, cells }) => ({
        line,
        cells: shown.map(({ position }) => cells[position] ?? ''),
      })),
      rowCount: this.#rowCount,
      errorCount: this.#errors,
      warningCount: this.#warnings,
      issues: this.#issues,
    };
  }

  #note(issues: readonly RecordIssue[]): void {
    for (const issue of issues) {
      if (issue.severity === 'error') this.#errors += 1;
      else this.#warnings += 1;
      if (this.#issues.length < SHOWN_ISSUES) this.#issues.push(issue);
    }
  }
}

/** The columns that have a name, in the order of the file. */
function shownColumns(
  { headers }: CsvDialect,
  { positions, metadata }: CsvColumns,
): (UnderstoodColumn & { position: number })[] {
  // A column may stand for two fields, as a code that is the id too: the first that was found names it.
  const fields = new Map([...positions].reverse().map(([field, position]) => [position, field]));
  const kept = new Set(metadata?.map(({ position }) => position));
  return headers.slice(0, columnsOf(headers)).flatMap((header, position) => {
    if (header.trim() === '') return [];
    return [{ header: header.trim(), field: fields.get(position), isMetadata: kept.has(position), position }];
  });
}

function columnsOf(headers: readonly string[]): number {
  return headers.findLastIndex((header) => header.trim() !== '') + 1;
}
