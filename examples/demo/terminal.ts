/** Lines on a terminal are no longer than this. */
const WIDTH = 80;
/** So long nothing may be seen, in milliseconds. */
const SILENCE_MS = 1_500;
const LOOK_MS = 250;

/** What the demo is at. */
let doing = 'starting';

/** Begins a part of the demo. */
export function title(text: string): void {
  doing = text;
  console.log(`\n── ${text}`);
}

/** Writes a sign of life whenever nothing was written for a while. Returns what ends that. */
export function showLife(output: Pick<NodeJS.WriteStream, 'write'> = process.stdout): () => void {
  const write = output.write;
  const start = performance.now();
  let last = start;
  output.write = ((...given: Parameters<typeof write>) => {
    last = performance.now();
    return write.apply(output, given);
  }) as typeof write;
  const timer = setInterval(() => {
    if (performance.now() - last < SILENCE_MS) return;
    output.write(
      `  … ${doing.slice(0, WIDTH - 20)} (${Math.round((performance.now() - start) / 1_000)} s)\n`,
    );
  }, LOOK_MS);
  return () => {
    clearInterval(timer);
    output.write = write;
  };
}

/** A table of numbers by name, a line each. */
export function table(
  rows: readonly (readonly [name: string, numbers: Readonly<Record<string, number>>])[],
): string {
  const columns = Object.keys(rows[0]?.[1] ?? {});
  const names = Math.max(...rows.map(([name]) => name.length));
  const line = (name: string, cells: readonly string[]) =>
    `  ${name.padEnd(names)}${cells.map((cell, i) => cell.padStart((columns[i] as string).length + 2)).join('')}`;
  const header = line('', columns);
  if (header.length > WIDTH) throw new Error(`a table is ${header.length} columns wide`);
  return [
    header,
    ...rows.map(([name, numbers]) =>
      line(
        name,
        columns.map((column) => String(numbers[column])),
      ),
    ),
  ].join('\n');
}
