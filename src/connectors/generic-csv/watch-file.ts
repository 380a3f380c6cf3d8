import type { CsvFile } from './csv-file.js';
import type { CsvColumns } from './csv-headers.js';
import type { CsvDialect } from './csv-rows.js';
import type { ListEnds } from './list-ends.js';
import { type Doubt, sheetDoubts } from './sheet-doubts.js';

/**
 * The file, to be read from here on, and what leaves in doubt that it is whole: known once it was read to its end.
 * `ends`: what is remembered of how lists end, where anything is.
 */
export function watchFile(
  opened: CsvFile,
  of: { dialect: CsvDialect; columns: CsvColumns; errorAt: number; ends: ListEnds | undefined },
): { file: CsvFile; doubts: () => Promise<Doubt[]> } {
  const { dialect, columns, errorAt, ends } = of;
  // Failed rows that come back are written by whoever corrects them.
  const watched = errorAt < 0 ? ends?.watch(opened, dialect) : undefined;
  const doubts = async () => {
    const gap = await watched?.doubt();
    return [...(gap === undefined ? [] : [{ gap }]), ...(await sheetDoubts(opened, dialect, columns))];
  };
  return { file: watched?.file ?? opened, doubts };
}
