export type Row = Record<string, unknown>;

/** Text of a school as it may be shown: what would steer the terminal becomes visible. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, (char) => {
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

/** A table of these columns; on a terminal, lines are cut at its width. */
export function printTable(rows: Row[], columns: string[]): void {
  const lines = [
    columns,
    ...rows.map((row) => columns.map((column) => printable(String(row[column] ?? '')))),
  ];
  const widths = columns.map((_, index) => Math.max(...lines.map((line) => line[index]?.length ?? 0)));
  const most = process.stdout.isTTY ? process.stdout.columns : Number.POSITIVE_INFINITY;
  for (const line of lines) {
    const text = line
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join('  ')
      .trimEnd();
    process.stdout.write(`${text.length > most ? `${text.slice(0, most - 1)}…` : text}\n`);
  }
}
