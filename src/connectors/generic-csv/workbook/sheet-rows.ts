import type { MergedCells } from '../csv-file.js';
import type { SheetPart, Workbook } from './describe-workbook.js';
import { plainNumber } from './number-text.js';
import { damaged, noList } from './parts.js';
import { requireShort, TextOfCell } from './shared-strings.js';
import { streamXml, type XmlReader } from './xml.js';

/** A row of a sheet. */
export interface SheetRow {
  /** From 1 on; rows without cells may be left out between two. */
  number: number;
  /** From column A on, without empty ones at the end. */
  cells: string[];
}

/** Rows of Excel. */
const MOST_ROWS = 1_048_576;
const MOST_COLUMNS = 1_000;
const MOST_CELLS = 20_000_000;
/** Merged cells of several rows that are remembered: one is enough to doubt a column. */
const MOST_MERGED = 1_000;
/** Characters of a row; one text may stand in many cells. */
const MOST_ROW = 1_000_000;
/** What a formula comes to whose result was never stored: nothing else than Excel knows it. */
export const NOT_CALCULATED = '#FORMULA!';

/**
 * The rows of the sheet, some at a time, and how many columns it says that it has. Returns the cells of several rows
 * that were made one.
 */
export async function* readSheet(
  workbook: Workbook,
  sheet: SheetPart = workbook.sheet,
): AsyncGenerator<{ rows: SheetRow[]; statedColumns: number }, readonly MergedCells[]> {
  const reader = new SheetReader(workbook);
  for await (const _ of streamXml(workbook.parts, sheet.part, reader)) {
    if (reader.rows.length === 0) continue;
    yield { rows: reader.rows, statedColumns: reader.statedColumns };
    reader.rows = [];
  }
  return reader.merged;
}

/** The first rows of a sheet, with cells alone. */
export async function readFirstRows(workbook: Workbook, sheet: SheetPart, most: number): Promise<string[][]> {
  const found: string[][] = [];
  for await (const { rows } of readSheet(workbook, sheet)) {
    found.push(...rows.map(({ cells }) => cells));
    if (found.length >= most) break;
  }
  return found.slice(0, most);
}

class SheetReader implements XmlReader {
  readonly #workbook: Workbook;
  readonly #file: string;
  readonly #text: TextOfCell;
  rows: SheetRow[] = [];
  readonly merged: MergedCells[] = [];
  /** Of `dimension`, which some programs write without looking. */
  statedColumns = 0;
  #inData = false;
  #row = 0;
  #column = -1;
  #cells: string[] = [];
  #characters = 0;
  #count = 0;
  #cell: { type: string; style: number } | undefined;
  #inValue = false;
  #hasFormula = false;
  #value: string | undefined;

  constructor(workbook: Workbook) {
    this.#workbook = workbook;
    this.#file = workbook.parts.file;
    this.#text = new TextOfCell(this.#file);
  }

  open(tag: string, attribute: (name: string) => string | undefined): void {
    if (tag === 'sheetData') this.#inData = true;
    else if (tag === 'dimension') this.statedColumns = columnsOf(attribute('ref'));
    else if (tag === 'mergeCell') this.#noteMerged(attribute('ref') ?? '');
    if (!this.#inData) return;
    if (tag === 'row') this.#beginRow(attribute('r'));
    else if (tag === 'c') this.#beginCell(attribute);
    else if (this.#cell) {
      if (tag === 'v') this.#inValue = true;
      else if (tag === 'f') this.#hasFormula = true;
      else this.#text.open(tag);
    }
  }

  close(tag: string): void {
    if (!this.#inData) return;
    if (tag === 'sheetData') this.#inData = false;
    else if (tag === 'v') this.#inValue = false;
    else if (tag === 'c') this.#endCell();
    else if (tag === 'row') this.#endRow();
    else this.#text.close(tag);
  }

  text(text: string): void {
    if (this.#inValue) {
      this.#value = (this.#value ?? '') + text;
      requireShort(this.#file, this.#value);
    } else if (this.#cell) this.#text.add(text);
  }

  #noteMerged(reference: string): void {
    const [from, to] = reference.split(':');
    const rowOf = (cell: string | undefined) => Number(/\d+$/.exec(cell ?? '')?.[0]);
    const rows: [number, number] = [rowOf(from), rowOf(to)];
    if (!(rows[1] > rows[0]) || this.merged.length === MOST_MERGED) return;
    this.merged.push({ reference, rows, columns: [columnOf(from ?? ''), columnOf(to ?? '')] });
  }

  #beginRow(r: string | undefined): void {
    const number = r === undefined ? this.#row + 1 : Number(r);
    if (!Number.isInteger(number) || number <= this.#row)
      throw damaged(this.#file, new Error(`row ${r} stands behind row ${this.#row}`));
    if (number > MOST_ROWS) throw noList(this.#file, `it has more than ${MOST_ROWS} rows`);
    this.#row = number;
    this.#column = -1;
    this.#cells = [];
    this.#characters = 0;
  }

  #beginCell(attribute: (name: string) => string | undefined): void {
    const r = attribute('r');
    this.#column = r === undefined ? this.#column + 1 : columnOf(r);
    if (this.#column < 0)
      throw damaged(this.#file, new Error(`row ${this.#row} has a cell "${r?.slice(0, 20)}"`));
    this.#cell = { type: attribute('t') ?? 'n', style: Number(attribute('s') ?? 0) };
    this.#value = undefined;
    this.#hasFormula = false;
    this.#text.take();
  }

  #endCell(): void {
    const { type, style } = this.#cell ?? { type: 'n', style: 0 };
    const text = oneLine(this.#textOf(type, style));
    this.#cell = undefined;
    if (text === '') return;
    this.#characters += text.length;
    this.#count += 1;
    if (this.#column >= MOST_COLUMNS)
      throw noList(this.#file, `row ${this.#row} has more than ${MOST_COLUMNS} columns`);
    if (this.#characters > MOST_ROW)
      throw noList(this.#file, `row ${this.#row} has more than ${MOST_ROW.toLocaleString('en')} characters`);
    if (this.#count > MOST_CELLS)
      throw noList(this.#file, `it has more than ${MOST_CELLS.toLocaleString('en')} cells`);
    while (this.#cells.length < this.#column) this.#cells.push('');
    this.#cells[this.#column] = text;
  }

  #endRow(): void {
    if (this.#cells.length > 0) this.rows.push({ number: this.#row, cells: this.#cells });
  }

  #textOf(type: string, style: number): string {
    const { strings, styles } = this.#workbook;
    if (type === 'inlineStr') return unescaped(this.#text.take());
    const value = this.#value;
    if (value === undefined) return this.#hasFormula ? NOT_CALCULATED : '';
    switch (type) {
      case 's':
        return value === '' ? '' : unescaped(strings.get(Number(value)));
      case 'str':
        return unescaped(value);
      case 'b':
        return /^(?:1|true)$/i.test(value.trim()) ? 'true' : 'false';
      case 'd':
        return value.trim().replace(/T00:00(?::00(?:\.0+)?)?Z?$/, '');
      case 'e':
        return value.trim();
    }
    const number = value.trim() === '' ? Number.NaN : Number(value);
    return Number.isFinite(number) ? (styles[style] ?? plainNumber)(number) : value.trim();
  }
}

/** Rows count as lines: what breaks a line inside a cell becomes a space. */
function oneLine(text: string): string {
  return /[\r\n]/.test(text) ? text.replace(/[\r\n]+/g, ' ') : text;
}

/** What XML cannot hold is written as _x000D_. */
function unescaped(text: string): string {
  if (!text.includes('_x')) return text;
  return text.replace(/_x([0-9a-f]{4})_/gi, (_, code: string) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  );
}

/** From 0 on, of "B7"; -1 of what is no cell. */
function columnOf(reference: string): number {
  const letters = /^\$?([a-z]{1,3})\$?\d*$/i.exec(reference)?.[1];
  let column = 0;
  for (const letter of letters?.toUpperCase() ?? '') column = column * 26 + letter.charCodeAt(0) - 64;
  return column - 1;
}

/** Of "A1:F200". */
function columnsOf(range: string | undefined): number {
  return columnOf(range?.split(':').at(-1) ?? '') + 1;
}
