import { resolve } from 'node:path';

/** The absolute path of the folder that DATA_DIR names. It is known before anything else of the environment is read. */
export function dataDirOf(named: string | undefined): string {
  return resolve(named || './data');
}
