import type { FileHandle } from 'node:fs/promises';
import { ConnectorError } from '../connector-error.js';
import type { ConfinedFiles } from '../sis-connector.js';
import type { CsvFile, CsvFolder } from './csv-file.js';

const CHUNK = 64 * 1024;

/** A folder of this machine. `path` is as the config has it. */
export function localFolder(files: ConfinedFiles, path: string): CsvFolder {
  return {
    async open(name) {
      const handle = await files.open(await files.folder(path), name);
      return handle && toCsvFile(handle, name);
    },
  };
}

export async function toCsvFile(handle: FileHandle, name: string): Promise<CsvFile> {
  const { size, mtime, mtimeMs } = await handle.stat();
  return {
    name,
    sizeBytes: size,
    modifiedAt: mtime,
    async *read({ inPlace = false } = {}) {
      let position = 0;
      let chunk = Buffer.allocUnsafe(CHUNK);
      while (true) {
        if (!inPlace && position > 0) chunk = Buffer.allocUnsafe(CHUNK);
        const { bytesRead } = await handle.read(chunk, 0, CHUNK, position);
        if (bytesRead === 0) break;
        position += bytesRead;
        yield chunk.subarray(0, bytesRead);
      }
      const now = await handle.stat();
      if (position !== size || now.size !== size || now.mtimeMs !== mtimeMs) {
        throw new ConnectorError(`${name} changed while it was read. Sync again when it is whole.`);
      }
    },
    close: () => handle.close(),
  };
}
