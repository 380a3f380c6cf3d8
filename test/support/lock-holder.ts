import { lockDataDir } from '../../src/database/embedded/data-dir-lock.js';

/**
 * A process of its own that locks a folder when it is told to, says what came of it, and lives on until it is
 * killed.
 */
process.stdin.once('data', async () => {
  try {
    await lockDataDir(process.argv[2] as string);
    console.log('holds');
  } catch (error) {
    console.log((error as Error).name);
  }
});
console.log('waits');
