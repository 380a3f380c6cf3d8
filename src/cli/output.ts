import type { Message } from '@bufbuild/protobuf';
import truncatedWidth from 'fast-string-truncated-width';
import { EXIT } from './exit-codes.js';
import { asJson, type Session } from './session.js';

export type Row = Record<string, unknown>;

/** What steers a terminal, turns the direction of text, ends its line, or cannot be seen; not what joins letters. */
const UNSHOWN = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}\u200b\u2060-\u2064\ufeff]/gu;

/** Text of a school as it may be shown: what would steer the terminal becomes visible. */
export function printable(text: string): string {
  return text.replace(UNSHOWN, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** JSON that may be shown: in its texts the same is written by number, so that it means what it did. */
function jsonOf(value: unknown): string {
  // The line breaks are those between its parts: in texts they are numbers already.
  return JSON.stringify(value, null, 2).split('\n').map(printable).join('\n');
}

export function printLine(text: string): void {
  process.stdout.write(`${printable(text)}\n`);
}

/** Progress and remarks, which are no result. */
export function remark(text: string): void {
  process.stderr.write(`${printable(text)}\n`);
}

export function printJson(value: unknown): void {
  process.stdout.write(`${jsonOf(value)}\n`);
}

/** A message, always as JSON. */
export function printMessage(message: Message | undefined): number {
  printJson(message ? asJson(message) : {});
  return EXIT.done;
}

/** That something is done of which there is no more to say; the empty object in JSON, as the API answers. */
export function printDone({ json }: Pick<Session, 'json'>, sentence: string): number {
  if (json) printJson({});
  else printLine(sentence);
  return EXIT.done;
}

/** A secret, which is shown this once, and what it belongs to by its name in JSON. */
export function printSecret(
  { json }: Pick<Session, 'json'>,
  name: string,
  of: (Message & { id: string }) | undefined,
  secret: string,
): number {
  if (json) printJson({ [name]: of && asJson(of), secret });
  else {
    remark(`The secret of ${of?.id} is not shown again:`);
    printLine(secret);
  }
  return EXIT.done;
}

/**
 * Items as a table of these columns, or as a JSON array. `columns`: a field, or fields one within the other
 * (`after.givenName`).
 */
export function printList(
  session: Pick<Session, 'json'>,
  items: AsyncIterable<Message> | Iterable<Message>,
  columns: readonly string[],
): Promise<number> {
  return printRows(session, rowsOf(items), columns);
}

async function* rowsOf(items: AsyncIterable<Message> | Iterable<Message>): AsyncGenerator<Row> {
  for await (const item of items) yield asJson(item);
}

/** The same of rows that are no messages, or more than that. */
export async function printRows(
  { json }: Pick<Session, 'json'>,
  items: AsyncIterable<Row>,
  columns: readonly string[],
): Promise<number> {
  if (json) {
    let separator = '[';
    for await (const item of items) {
      process.stdout.write(`${separator}\n${indented(item)}`);
      separator = ',';
    }
    process.stdout.write(separator === '[' ? '[]\n' : '\n]\n');
    return EXIT.done;
  }
  const rows: Row[] = [];
  for await (const item of items) rows.push(item);
  printTable(rows, columns);
  return EXIT.done;
}

function indented(value: unknown): string {
  return jsonOf(value).replace(/^/gm, '  ');
}

/** A table of these columns; on a terminal, lines are cut at its width. */
export function printTable(rows: readonly Row[], columns: readonly string[]): void {
  const lines = [columns, ...rows.map((row) => columns.map((column) => cell(row, column)))];
  const widths = columns.map((_, nth) => lines.reduce((most, line) => Math.max(most, widthOf(line[nth])), 0));
  const limit = process.stdout.isTTY ? process.stdout.columns : undefined;
  for (const line of lines) {
    const text = line.map((text, nth) => text + ' '.repeat((widths[nth] ?? 0) - widthOf(text))).join('  ');
    process.stdout.write(`${cut(text.trimEnd(), limit)}\n`);
  }
}

function cell(row: Row, column: string): string {
  let value: unknown = row;
  for (const name of column.split('.')) value = (value as Row | undefined)?.[name];
  if (Array.isArray(value) && value.every((each) => typeof each !== 'object'))
    return printable(value.join(' '));
  if (typeof value === 'object' && value) return printable(JSON.stringify(value));
  return printable(String(value ?? ''));
}

const widthOf = (text = '') => truncatedWidth(text).width;

/** As much of a line as fits, in columns of the terminal. */
export function cut(text: string, limit?: number): string {
  if (!limit) return text;
  const { index, ellipsed } = truncatedWidth(text, { limit, ellipsis: '…', ellipsisWidth: 1 });
  return ellipsed ? `${text.slice(0, index)}…` : text.slice(0, index);
}
