import { createHash } from 'node:crypto';
import { ConnectorError } from '../connector-error.js';
import type { GivenFile, GivenTo, TakenFile } from '../given-file.js';
import type { ConnectorContext } from '../sis-connector.js';
import { type CsvConfig, FILE_KINDS, type FileKind, importFolder, NO_FILE, UPLOADS } from './csv-config.js';
import type { CsvFolder } from './csv-file.js';
import { CsvSource } from './csv-source.js';
import { localFolder, toCsvFile } from './local-folder.js';
import { spellingsOf } from './open-csv.js';

type Context = GivenTo & Pick<ConnectorContext, 'signal'>;

/**
 * Takes a file in place of the one of the same list. It is looked at before it takes that place, and appears
 * there whole or not at all. Throws ConnectorError when the name is none of the integration's files, or the file
 * is no table.
 */
export async function takeFile(context: Context, config: CsvConfig, given: GivenFile): Promise<TakenFile> {
  const { files, integrationId } = context;
  const { name, kinds } = placeOf(config, given);
  const folder = await files.makeFolder(importFolder(config, integrationId));
  const content = counted(given.content);
  const draft = await files.stage(folder, content.bytes());
  try {
    const { sizeBytes, sha256 } = content.ends();
    const overlay = withDraft(context, { folder, draft, name });
    const source = new CsvSource({ ...context, config, folder: overlay });
    const lists = [];
    for (const kind of kinds) lists.push(await source.understand(kind));
    const others = spellingsBeside(config, kinds, name);
    const unchanged =
      (await shaOf(context, folder, name)) === sha256 && !(await isAnyThere(context, folder, others));
    const taken: TakenFile = { name, sizeBytes, sha256, unchanged, lists };
    let isPlaced = false;
    const place = async () => {
      // The transaction that it is the last of may be done again.
      if (!isPlaced) await files.rename(folder, draft, name);
      isPlaced = true;
      // What goes before it, where several spellings are there, would be read in its place.
      for (const other of others) await files.remove(folder, other);
    };
    if (!given.validateOnly && !unchanged) await given.keep(taken, place);
    return taken;
  } finally {
    await files.remove(folder, draft);
  }
}

/** Removes all that was given to an integration, under whatever names its settings had then. */
export async function forgetFiles({ files, integrationId }: GivenTo): Promise<void> {
  const folder = importFolder({ importPath: UPLOADS }, integrationId);
  for (const name of await files.list(folder)) await files.remove(folder, name);
}

/** The names by which a file says which list it is, each once. */
function knownNames(files: CsvConfig['files'], used: readonly FileKind[]): string {
  const names = [...new Set(used.map((kind) => files[kind]))].join(', ');
  const packed = used.some((kind) => spellingsOf(files[kind]).length > 1);
  return packed ? `${names}, or the same ending in .csv.gz or .xlsx` : names;
}

/** What a file is called among those of the integration, and the lists that are read from it. */
function placeOf(
  { files }: CsvConfig,
  { name: given, list }: GivenFile,
): { name: string; kinds: readonly FileKind[] } {
  const used = FILE_KINDS.filter((kind) => files[kind] !== NO_FILE);
  const nameOf = (kind: FileKind) =>
    spellingsOf(files[kind]).find((name) => name.toLowerCase() === given.toLowerCase());
  const kind = list === undefined ? used.find((one) => nameOf(one)) : used.find((one) => one === list);
  if (!kind || (list !== undefined && !nameOf(kind))) requireReadable(given);
  if (!kind) {
    throw new ConnectorError(
      list === undefined
        ? `"${given}" does not say by its name which list it is. Call it ${knownNames(files, used)}, or say what it holds: ${used.join(', ')} (on the command line: --list ${used[0]}).`
        : `This integration has no list of ${list}; it has ${used.join(', ')}.`,
    );
  }
  const extension = /\.(?:csv\.gz|csv|xlsx|xlsm)$/i.exec(given)?.[0].toLowerCase();
  const name =
    nameOf(kind) ??
    spellingsOf(files[kind]).find((one) => extension && one.toLowerCase().endsWith(extension));
  if (!name)
    throw new ConnectorError(
      `"${given}" cannot be the list of ${kind}, which is called ${spellingsOf(files[kind]).join(' or ')}. Save it in that form.`,
    );
  return { name, kinds: used.filter((one) => one === kind || spellingsOf(files[one]).includes(name)) };
}

/** To rename a file of another form would lead nowhere. */
function requireReadable(name: string): void {
  const form = /\.(?:xls|xlsb|ods|numbers|pdf|docx?)$/i.exec(name)?.[0].toLowerCase();
  if (form)
    throw new ConnectorError(
      `"${name}" is a file of a form that is not read (${form}). Open it and save it as an Excel workbook (.xlsx) or as CSV.`,
    );
}

/** The names under which another form of the same lists may be there. */
function spellingsBeside({ files }: CsvConfig, kinds: readonly FileKind[], name: string): string[] {
  return kinds.flatMap((kind) => spellingsOf(files[kind])).filter((other) => other !== name);
}

/** The folder as it will be. */
function withDraft(
  { files }: Context,
  { folder, draft, name }: { folder: string; draft: string; name: string },
): CsvFolder {
  const there = localFolder(files, folder);
  return {
    async open(asked) {
      if (asked !== name) {
        const isForm = spellingsOf(asked.replace(/\.(?:csv\.gz|csv|xlsx)$/, '.csv')).includes(name);
        return isForm ? undefined : there.open(asked);
      }
      const handle = await files.open(folder, draft);
      return handle && toCsvFile(handle, name);
    },
  };
}

async function shaOf({ files }: Context, folder: string, name: string): Promise<string | undefined> {
  const file = await localFolder(files, folder).open(name);
  if (!file) return undefined;
  try {
    const hash = createHash('sha256');
    for await (const chunk of file.read({ inPlace: true })) hash.update(chunk);
    return hash.digest('hex');
  } finally {
    await file.close();
  }
}

async function isAnyThere({ files }: Context, folder: string, names: readonly string[]): Promise<boolean> {
  for (const name of names) {
    const handle = await files.open(folder, name);
    await handle?.close();
    if (handle) return true;
  }
  return false;
}

function counted(content: AsyncIterable<Uint8Array>) {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  return {
    async *bytes() {
      for await (const chunk of content) {
        sizeBytes += chunk.length;
        hash.update(chunk);
        yield chunk;
      }
    },
    ends: () => ({ sizeBytes, sha256: hash.digest('hex') }),
  };
}
