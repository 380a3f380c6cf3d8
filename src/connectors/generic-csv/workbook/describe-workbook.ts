import { posix } from 'node:path';
import { ConnectorError } from '../../connector-error.js';
import { type NumberText, numberTextOf, plainNumber } from './number-text.js';
import { damaged, MOST_ENTRIES, noList, type Parts } from './parts.js';
import { SharedStrings } from './shared-strings.js';
import { readXml } from './xml.js';

/** A sheet: what it is called, and its part. */
export interface SheetPart {
  name: string;
  part: string;
}

/** What the cells of a sheet refer to. */
export interface Workbook {
  parts: Parts;
  /** The sheet that is read. */
  sheet: SheetPart;
  /** The others that are not hidden, where nobody said which one to read. */
  others: readonly SheetPart[];
  strings: SharedStrings;
  /** By the number of the style of a cell. */
  styles: readonly NumberText[];
}

interface Sheet {
  name: string;
  /** Of the relation to its part. */
  id: string;
  isHidden: boolean;
}

interface Relation {
  id: string;
  /** The last word of its type: the beginning differs between the two editions of the standard. */
  type: string;
  part: string;
}

/** More sheets than this are not named in a sentence. */
const MOST_NAMED = 10;
const MOST_STYLES = 100_000;
/** Characters of a format, as Excel has it: what a long one comes to is worked out for every cell. */
const MOST_FORMAT = 255;

/**
 * Reads what a workbook says of itself, and its texts. `wanted`: the name of the sheet to read; without it,
 * the first one that is not hidden. Throws ConnectorError when there is no such sheet.
 */
export async function describeWorkbook(parts: Parts, wanted: string | undefined): Promise<Workbook> {
  const main = (await relationsOf(parts, '')).find(({ type }) => type === 'officeDocument')?.part;
  if (!main || !parts.has(main))
    throw new ConnectorError(
      `${parts.file} is a zip, but no workbook of Excel. Save the list as "Excel Workbook (.xlsx)".`,
    );
  const relations = await relationsOf(parts, main);
  const { sheets, is1904 } = await readMain(parts, main);
  const { sheet, others } = chooseSheet(parts, { sheets, relations, wanted });
  const partOf = (type: string) => relations.find((relation) => relation.type === type)?.part;
  return {
    parts,
    sheet,
    others,
    strings: await SharedStrings.read(parts, partOf('sharedStrings')),
    styles: await readStyles(parts, partOf('styles'), is1904),
  };
}

async function relationsOf(parts: Parts, of: string): Promise<Relation[]> {
  const folder = posix.dirname(of);
  const part = posix.join(folder, '_rels', `${posix.basename(of)}.rels`);
  const relations: Relation[] = [];
  if (!parts.has(part)) return relations;
  await readXml(parts, part, {
    open: (tag, attribute) => {
      if (tag !== 'Relationship') return;
      if (relations.length === MOST_ENTRIES)
        throw noList(parts.file, `it names more than ${MOST_ENTRIES} parts`);
      const target = (attribute('Target') ?? '').replaceAll('\\', '/');
      relations.push({
        id: attribute('Id') ?? '',
        type: (attribute('Type') ?? '').replace(/^.*\//, ''),
        part: posix.join('/', target.startsWith('/') ? target : posix.join(folder, target)).slice(1),
      });
    },
  });
  return relations;
}

async function readMain(parts: Parts, main: string): Promise<{ sheets: Sheet[]; is1904: boolean }> {
  const sheets: Sheet[] = [];
  let is1904 = false;
  await readXml(parts, main, {
    open: (tag, attribute) => {
      if (tag === 'workbookPr') is1904 = ['1', 'true', 'on'].includes(attribute('date1904') ?? '');
      if (tag !== 'sheet') return;
      if (sheets.length === MOST_ENTRIES) throw noList(parts.file, `it has more than ${MOST_ENTRIES} sheets`);
      const isHidden = /hidden$/i.test(attribute('state') ?? '');
      sheets.push({ name: attribute('name') ?? '', id: attribute('id') ?? '', isHidden });
    },
  });
  return { sheets, is1904 };
}

function chooseSheet(
  parts: Parts,
  { sheets, relations, wanted }: { sheets: Sheet[]; relations: Relation[]; wanted: string | undefined },
): Pick<Workbook, 'sheet' | 'others'> {
  const { file } = parts;
  const byId = new Map(relations.map((relation) => [relation.id, relation]));
  const found = sheets.flatMap(({ name, id, isHidden }) => {
    const relation = byId.get(id);
    return relation?.type === 'worksheet' ? [{ name, part: relation.part, isHidden }] : [];
  });
  if (found.length === 0) throw damaged(file, new Error('it has no sheets'));
  const fold = (name: string) => name.trim().toLowerCase();
  const sheet =
    wanted === undefined
      ? (found.find(({ isHidden }) => !isHidden) ?? found[0])
      : (found.find(({ name }) => name === wanted) ?? found.find(({ name }) => fold(name) === fold(wanted)));
  const others = wanted === undefined ? found.filter((one) => one !== sheet && !one.isHidden) : [];
  if (sheet) return { sheet, others };
  const names = found.slice(0, MOST_NAMED).map(({ name }) => `"${name}"`);
  throw new ConnectorError(
    `${file} has no sheet "${wanted}", which config.sheet names; it has ${names.join(', ')}${found.length > MOST_NAMED ? ' …' : ''}.`,
  );
}

async function readStyles(
  parts: Parts,
  part: string | undefined,
  is1904: boolean,
): Promise<readonly NumberText[]> {
  const codes = new Map<number, string>();
  const ids: number[] = [];
  let inside = '';
  if (!part || !parts.has(part)) return [plainNumber];
  // What Excel would not take is no format: its numbers are plain ones.
  const note = (id: number, code: string) => {
    if (codes.size < MOST_STYLES) codes.set(id, code.length > MOST_FORMAT ? 'General' : code);
  };
  await readXml(parts, part, {
    open: (tag, attribute) => {
      if (tag === 'numFmts' || tag === 'cellXfs') inside = tag;
      else if (tag === 'numFmt' && inside === 'numFmts')
        note(Number(attribute('numFmtId')), attribute('formatCode') ?? 'General');
      else if (tag === 'xf' && inside === 'cellXfs' && ids.length < MOST_STYLES)
        ids.push(Number(attribute('numFmtId') ?? 0));
    },
    close: (tag) => {
      if (tag === inside) inside = '';
    },
  });
  const made = new Map<number, NumberText>();
  return ids.map((id) => {
    const text = made.get(id) ?? whenUsed(() => numberTextOf(id, codes.get(id), is1904));
    made.set(id, text);
    return text;
  });
}

/** Understands a format when the first number has it: there may be many that none has. */
function whenUsed(make: () => NumberText): NumberText {
  let text: NumberText | undefined;
  return (value) => {
    text ??= make();
    return text(value);
  };
}
