/** Cells of a sheet that were made one; rows from 1 on, columns from 0 on. */
export interface MergedCells {
  /** As the workbook writes it: E2:E9. */
  reference: string;
  rows: readonly [first: number, last: number];
  columns: readonly [first: number, last: number];
}

/** Another sheet of a workbook, by its first rows. */
export interface OtherSheet {
  name: string;
  rows: readonly (readonly string[])[];
}

/** A file of a school, wherever it lies. */
export interface CsvFile {
  /** As a person would name it. */
  name: string;
  sizeBytes: number;
  modifiedAt: Date;
  /** What stands between two cells, where that is known beforehand. */
  delimiter?: ';';
  /** Of a workbook, what the sheet is called that is read; known once it was looked at. */
  sheet?: () => string | undefined;
  /** Of a workbook, the cells of several rows that were made one; known once the sheet was read to its end. */
  merged?: () => readonly MergedCells[];
  /** Of a workbook of which nobody said which sheet to read, the others that are not hidden. */
  otherSheets?: () => Promise<OtherSheet[]>;
  /**
   * Its bytes from the beginning. It can be read as often as needed: each reading gives the same bytes, and
   * throws ConnectorError when they have changed since the file was opened. `inPlace`: a piece is needed only
   * until the next one is asked for, which may then come in the same memory.
   */
  read(options?: { inPlace?: boolean }): AsyncIterable<Buffer>;
  close(): Promise<void>;
}

/** Where the files of a school lie. */
export interface CsvFolder {
  /** undefined when there is no such file. */
  open(name: string): Promise<CsvFile | undefined>;
}
