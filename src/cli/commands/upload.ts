import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { type UploadedFile, UploadFileRequestSchema } from '../../../clients/typescript/src/node.js';
import { EXIT, UsageError } from '../exit-codes.js';
import { printJson, printTable, type Row, remark } from '../output.js';
import { asJson, type Session } from '../session.js';

/** A message may have 4 MiB. */
const PIECE = 1024 * 1024;

interface Options {
  list?: string;
  validateOnly?: boolean;
}

/**
 * Uploads files, and tells how each is understood. Several belong together: all are looked at before the first is
 * kept, so that one that is refused leaves no mixture of old and new.
 */
export async function upload({ api, json }: Session, [id = '', ...paths]: string[], options: Options) {
  if (options.list !== undefined && paths.length > 1)
    throw new UsageError('--list says what one file holds; upload the others without it, or one by one.');
  for (const path of paths) await requireReadable(path);
  const send = async (how: Options) => {
    const files: UploadedFile[] = [];
    for (const path of paths) {
      const { file } = await api.uploadFile(piecesOf(id, path, how));
      if (file) files.push(file);
    }
    return files;
  };
  if (paths.length > 1 && !options.validateOnly) await send({ ...options, validateOnly: true });
  const files = await send(options);
  if (json) printJson(files.map((file) => asJson(file)));
  else {
    show(files, options);
    if (!options.validateOnly)
      remark(
        `Nothing is synced by this. What a sync would do: smartid preview ${id}; do it: smartid sync ${id}`,
      );
  }
  const failed = files.some(({ lists }) => lists.some(({ errorCount }) => errorCount > 0));
  return failed ? EXIT.failedRows : EXIT.done;
}

/** All are looked for before the first is sent. */
async function requireReadable(path: string): Promise<void> {
  try {
    const file = await open(path);
    const isFile = (await file.stat()).isFile();
    await file.close();
    if (isFile) return;
  } catch (error) {
    throw new UsageError(`${path} cannot be read (${(error as NodeJS.ErrnoException).code}).`);
  }
  throw new UsageError(`${path} is not a file.`);
}

async function* piecesOf(id: string, path: string, { list = '', validateOnly = false }: Options) {
  yield create(UploadFileRequestSchema, { id, fileName: basename(path), list, validateOnly });
  for await (const data of createReadStream(path, { highWaterMark: PIECE }))
    yield create(UploadFileRequestSchema, { data: data as Uint8Array<ArrayBuffer> });
}

function show(files: readonly UploadedFile[], { validateOnly }: Options): void {
  const rows = files.flatMap(({ name, unchanged, lists }): Row[] => {
    const kept = validateOnly ? 'not kept' : unchanged ? 'unchanged' : 'kept';
    return lists.map((list) => ({
      file: name,
      kept,
      list: list.list,
      rows: list.rowCount,
      errors: list.errorCount,
      warnings: list.warningCount,
      columns: list.columns
        .map(({ header, field, isMetadata }) => `${header}=${field ?? (isMetadata ? 'metadata' : '-')}`)
        .join(', '),
    }));
  });
  printTable(rows, ['file', 'kept', 'list', 'rows', 'errors', 'warnings', 'columns']);
  for (const { lists } of files)
    for (const { issues } of lists)
      for (const { file, line, column, message, hint } of issues)
        remark(
          [[file, line && `line ${line}`, column].filter(Boolean).join(', '), message, hint]
            .filter(Boolean)
            .join(': '),
        );
}
