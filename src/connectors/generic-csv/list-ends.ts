import type { ConnectorMemory } from '../connector-memory.js';
import type { CsvFile } from './csv-file.js';
import type { CsvDialect } from './csv-rows.js';

const TOPIC = 'lists that end with a line break';
const DAY_SECONDS = 86_400;
/** A list that has ended without one for so many days is written so. */
const BELIEVED_AFTER = 7;
const [NEWLINE, RETURN] = [0x0a, 0x0d];

/**
 * Notices a list that ends inside its last row: where it is cut in the last column, that row looks whole. Most
 * programs end the last row with a line break, some do not: a list is doubted that had one before.
 */
export class ListEnds {
  readonly #memory: ConnectorMemory;

  constructor(memory: ConnectorMemory) {
    this.#memory = memory;
  }

  /** The file, and why it may not be whole: known once it was read to its end. */
  watch(file: CsvFile, { encoding }: Pick<CsvDialect, 'encoding'>) {
    // The rows of a sheet are written by us.
    if (file.sheet) return { file, doubt: async () => undefined };
    let tail = Buffer.alloc(0);
    const watched: CsvFile = {
      ...file,
      async *read(options) {
        for await (const chunk of file.read(options)) {
          // Its memory may be used again.
          tail = Buffer.from(
            chunk.length > 1 ? chunk.subarray(-2) : Buffer.concat([tail, chunk]).subarray(-2),
          );
          yield chunk;
        }
      },
    };
    return { file: watched, doubt: () => this.#doubt(file.name, endsLine(tail, encoding)) };
  }

  async #doubt(name: string, ends: boolean): Promise<string | undefined> {
    const before = (await this.#memory.recall(TOPIC, [name])).get(name);
    const now = Math.floor(Date.now() / 1_000);
    if (!ends) {
      return before === undefined
        ? undefined
        : `${name} ends without a line break, and had one before: it may be cut off in its last row. Export it again; if it is whole, add a line break at its end.`;
    }
    if (typeof before !== 'number' || now - before > DAY_SECONDS)
      await this.#memory.remember(TOPIC, new Map([[name, now]]), { days: BELIEVED_AFTER });
    return undefined;
  }
}

function endsLine(tail: Buffer, encoding: CsvDialect['encoding']): boolean {
  const last = encoding === 'utf-16le' ? tail.at(-2) : tail.at(-1);
  return last === NEWLINE || last === RETURN;
}
