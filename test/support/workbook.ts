import { ZipFile } from 'yazl';

const MAIN = 'http://schemas.openxmlformats.org/spreadsheetml/2006/main';
const RELATIONS = 'http://schemas.openxmlformats.org/package/2006/relationships';
const OFFICE = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships';
const HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n';

/** A cell: a text, a number, or XML of its own as `[attributes, content]`. */
export type Cell = string | number | null | readonly [attributes: string, content: string];

export interface SheetOptions {
  name?: string;
  /** Rows from the first on; null is left out. */
  rows?: readonly (readonly Cell[] | null)[];
  /** The content of sheetData, in place of rows. */
  data?: string;
  state?: string;
  dimension?: string;
  /** What stands behind the data. */
  after?: string;
}

export interface WorkbookOptions {
  sheets?: readonly SheetOptions[];
  /** Codes of number formats; style 1 is the first of them. */
  formats?: readonly (string | number)[];
  /** Content of each `si`. */
  strings?: readonly string[];
  date1904?: boolean;
  /** Before every tag of the main parts, as "x:". */
  prefix?: string;
  /** Whether parts are named by their whole path. */
  absolute?: boolean;
  /** Parts in place of, or beside, those that are made. */
  parts?: Record<string, string | Buffer | null>;
  /** Where the parts lie. */
  folder?: string;
}

export const escapeXml = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');

/** A workbook as Excel writes it: a zip of XML. */
export async function writeWorkbook(options: WorkbookOptions): Promise<Buffer> {
  const { sheets = [{}], strings, absolute, folder = 'xl', parts = {} } = options;
  const p = options.prefix ?? '';
  const space = p === '' ? `xmlns="${MAIN}"` : `xmlns:${p.slice(0, -1)}="${MAIN}"`;
  const path = (name: string) => (absolute ? `/${folder}/${name}` : name);
  const names = sheets.map(({ name }, index) => name ?? `Hoja${index + 1}`);
  const made: Record<string, string | Buffer | null> = {
    '[Content_Types].xml': `${HEAD}<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>`,
    '_rels/.rels': relations([['rId1', 'officeDocument', `${absolute ? '/' : ''}${folder}/workbook.xml`]]),
    [`${folder}/workbook.xml`]: `${HEAD}<${p}workbook ${space} xmlns:r="${OFFICE}"><${p}workbookPr${
      options.date1904 ? ' date1904="1"' : ''
    }/><${p}sheets>${sheets
      .map(
        ({ state }, index) =>
          `<${p}sheet name="${escapeXml(names[index] as string)}" sheetId="${index + 1}"${
            state ? ` state="${state}"` : ''
          } r:id="rId${index + 1}"/>`,
      )
      .join('')}</${p}sheets></${p}workbook>`,
    [`${folder}/_rels/workbook.xml.rels`]: relations([
      ...sheets.map((_, index): [string, string, string] => [
        `rId${index + 1}`,
        'worksheet',
        path(`worksheets/sheet${index + 1}.xml`),
      ]),
      ['rId90', 'styles', path('styles.xml')],
      ...(strings ? [['rId91', 'sharedStrings', path('sharedStrings.xml')] as [string, string, string]] : []),
    ]),
    [`${folder}/styles.xml`]: stylesOf(options.formats ?? [], p, space),
    ...(strings && {
      [`${folder}/sharedStrings.xml`]: `${HEAD}<${p}sst ${space}>${strings
        .map((content) => `<${p}si>${content}</${p}si>`)
        .join('')}</${p}sst>`,
    }),
  };
  sheets.forEach((sheet, index) => {
    made[`${folder}/worksheets/sheet${index + 1}.xml`] = sheetOf(sheet, p, space);
  });
  return zipOf({ ...made, ...parts });
}

/** A zip of these files; null is left out. */
export async function zipOf(files: Record<string, string | Buffer | null>): Promise<Buffer> {
  const zip = new ZipFile();
  for (const [name, content] of Object.entries(files))
    if (content !== null) zip.addBuffer(Buffer.from(content), name);
  zip.end();
  const chunks: Buffer[] = [];
  for await (const chunk of zip.outputStream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function sheetOf({ rows = [], data, dimension, after = '' }: SheetOptions, p: string, space: string): string {
  const content = data ?? rows.map((cells, index) => (cells ? rowOf(cells, index + 1, p) : '')).join('');
  const stated = dimension ? `<${p}dimension ref="${dimension}"/>` : '';
  return `${HEAD}<${p}worksheet ${space} xmlns:r="${OFFICE}">${stated}<${p}sheetData>${content}</${p}sheetData>${after}</${p}worksheet>`;
}

export function rowOf(cells: readonly Cell[], number: number, p = ''): string {
  const written = cells.map((cell, index) => cellOf(cell, `${columnName(index)}${number}`, p));
  return `<${p}row r="${number}">${written.join('')}</${p}row>`;
}

function cellOf(cell: Cell, reference: string, p: string): string {
  if (cell === null) return '';
  if (typeof cell === 'number') return `<${p}c r="${reference}"><${p}v>${cell}</${p}v></${p}c>`;
  if (typeof cell === 'string')
    return `<${p}c r="${reference}" t="inlineStr"><${p}is><${p}t xml:space="preserve">${escapeXml(cell)}</${p}t></${p}is></${p}c>`;
  return `<${p}c r="${reference}" ${cell[0]}>${cell[1]}</${p}c>`;
}

function columnName(index: number): string {
  return index < 26
    ? String.fromCharCode(65 + index)
    : `${columnName(Math.floor(index / 26) - 1)}${columnName(index % 26)}`;
}

function stylesOf(formats: readonly (string | number)[], p: string, space: string): string {
  const own = formats.map((code, index) =>
    typeof code === 'string' ? `<${p}numFmt numFmtId="${164 + index}" formatCode="${escapeXml(code)}"/>` : '',
  );
  const xfs = formats.map(
    (code, index) => `<${p}xf numFmtId="${typeof code === 'string' ? 164 + index : code}" xfId="0"/>`,
  );
  return `${HEAD}<${p}styleSheet ${space}><${p}numFmts>${own.join('')}</${p}numFmts><${p}cellStyleXfs><${p}xf numFmtId="14"/></${p}cellStyleXfs><${p}cellXfs><${p}xf numFmtId="0"/>${xfs.join('')}</${p}cellXfs></${p}styleSheet>`;
}

function relations(list: readonly (readonly [id: string, type: string, target: string])[]): string {
  const written = list.map(
    ([id, type, target]) => `<Relationship Id="${id}" Type="${OFFICE}/${type}" Target="${target}"/>`,
  );
  return `${HEAD}<Relationships xmlns="${RELATIONS}">${written.join('')}</Relationships>`;
}
