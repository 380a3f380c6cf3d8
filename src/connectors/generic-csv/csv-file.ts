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
