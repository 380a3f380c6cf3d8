import pLimit from 'p-limit';
import type { CsvFile } from './csv-file.js';

/**
 * People may look at as many files at once as they like. A workbook is held in memory meanwhile, and waits for others of
 * this process; syncs are as few as there are workers.
 */
const workbooksAtOnce = pLimit(2);

/** Does what looks at an open file, and closes it. */
export function lookAt<T>(file: CsvFile, look: () => Promise<T>): Promise<T> {
  const lookAndClose = async () => {
    try {
      return await look();
    } finally {
      await file.close();
    }
  };
  return file.sheet ? workbooksAtOnce(lookAndClose) : lookAndClose();
}
