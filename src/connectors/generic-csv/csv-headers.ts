import { ConnectorError } from '../connector-error.js';
import { ERROR_COLUMN } from '../external-record.js';
import { fold, GROUPS_OF_STUDENTS, REQUIRED, SYNONYMS } from './column-names.js';
import type { CsvConfig, FileKind } from './csv-config.js';

interface Column {
  /** As it is written. */
  name: string;
  position: number;
}

/** What the columns of a file are recognised by. */
interface Recognising {
  kind: FileKind;
  file: string;
  headers: readonly string[];
  overrides?: Readonly<Record<string, string>> | undefined;
  /** Whether students.csv says which groups there are. */
  tellsGroups?: boolean | undefined;
  /** Headers of columns to keep that no field is known for. */
  metadata?: CsvConfig['metadata'];
}

/** Where the fields stand in a file. */
export interface CsvColumns {
  /** What they were recognised by. */
  by: Recognising;
  /** Field -> position. */
  positions: ReadonlyMap<string, number>;
  /** Of these, the fields that are a cell as it stands. */
  plain: readonly { field: string; position: number }[];
  /** Field -> header as it is written. */
  names: Readonly<Record<string, string>>;
  /** Fields whose columns the settings name. */
  named: ReadonlySet<string>;
  /** Where a column stands that refers to groups of groups.csv, in a file that is read without that. */
  listedGroup?: number | undefined;
  /** Columns that no field is known for, as they are written. */
  unrecognised: readonly Column[];
  /** Those of them that are kept as metadata; undefined where the settings say nothing of metadata. */
  metadata: readonly Column[] | undefined;
  /** How many columns the header has. */
  width: number;
}

/** Fields that are made of cells in a way of their own. */
const COMPOSED = new Set(['paternalName', 'maternalName', 'status', 'groupCourse', 'groupLetter']);

/**
 * Whether a row has all headers that a file of this kind cannot do without, and all that the settings name.
 */
export function isHeader(
  kind: FileKind,
  cells: readonly string[],
  overrides: Readonly<Record<string, string>> = {},
): boolean {
  const folded = new Set(cells.map(fold));
  const has = (field: string) =>
    field in overrides || (SYNONYMS[kind][field] ?? []).some((synonym) => folded.has(synonym));
  return (
    Object.values(overrides).every((header) => folded.has(fold(header))) &&
    REQUIRED[kind].every((choice) => choice.some(has))
  );
}

/** How many headers are recognised: the right delimiter finds the most. */
export function countRecognised(kind: FileKind, headers: readonly string[]): number {
  const known = new Set(Object.values(SYNONYMS[kind]).flat());
  return headers.filter((header) => known.has(fold(header))).length;
}

/**
 * Where the column stands that an export of failed rows has added: the last one that has a name, and that
 * name is
 * `error`. -1 in other files, also in those where an override says what that column holds.
 */
export function findErrorColumn(
  headers: readonly string[],
  overrides: Readonly<Record<string, string>> = {},
): number {
  const last = headers.findLastIndex((header) => header.trim() !== '');
  const isOurs =
    headers[last]?.trim() === ERROR_COLUMN &&
    !Object.values(overrides).some((name) => fold(name) === ERROR_COLUMN);
  return isOurs ? last : -1;
}

/**
 * Finds the fields of a file by its header row, `overrides` first. Throws ConnectorError in one sentence when
 * a required field has no column, an override names a header that is not there, or two columns carry one
 * name.
 */
export function recogniseHeaders(options: Recognising): CsvColumns {
  const { kind, file, headers, overrides = {}, tellsGroups } = options;
  const fields = tellsGroups ? { ...SYNONYMS[kind], ...GROUPS_OF_STUDENTS } : SYNONYMS[kind];
  const folded = headers.map(fold);
  refuseDoubles(file, headers, folded);
  const positions = new Map<string, number>();
  const taken = new Set<number>();
  const take = (field: string, position: number) => {
    positions.set(field, position);
    taken.add(position);
  };
  for (const [field, header] of Object.entries(overrides)) {
    if (!Object.hasOwn(SYNONYMS[kind], field)) {
      const known = Object.keys(SYNONYMS[kind]).join(', ');
      throw new ConnectorError(`config.columns.${kind} names the field "${field}"; there are ${known}.`);
    }
    const position = folded.indexOf(fold(header));
    if (position < 0)
      throw new ConnectorError(
        `${file} has no column "${header}", which config.columns.${kind}.${field} names.`,
      );
    take(field, position);
  }
  for (const [field, synonyms] of Object.entries(fields)) {
    if (positions.has(field)) continue;
    const position = folded.findIndex((header, index) => !taken.has(index) && synonyms.includes(header));
    if (position >= 0) take(field, position);
  }
  requireFields(kind, file, headers, positions);
  // Schools that have no id of their own go by the code, and by the national id where there is not even that.
  if (kind !== 'memberships' && !positions.has('externalId')) {
    positions.set('externalId', (positions.get('code') ?? positions.get('nationalId')) as number);
  }
  const unrecognised = headers.flatMap((name, position) =>
    taken.has(position) || name.trim() === '' ? [] : [{ name: name.trim(), position }],
  );
  return {
    by: options,
    positions,
    plain: [...positions]
      .filter(([field]) => !COMPOSED.has(field))
      .map(([field, position]) => ({ field, position })),
    names: Object.fromEntries(
      [...positions].map(([field, position]) => [field, headers[position]?.trim() ?? field]),
    ),
    named: new Set(Object.keys(overrides)),
    ...(tellsGroups && { listedGroup: listedGroup(folded, positions.get('groupExternalId'), overrides) }),
    unrecognised,
    metadata: options.metadata && keptColumns(unrecognised, options.metadata),
    width: headers.length,
  };
}

function listedGroup(
  folded: readonly string[],
  told: number | undefined,
  overrides: Readonly<Record<string, string>>,
): number | undefined {
  if ('groupExternalId' in overrides) return told;
  const position = folded.findIndex((header) => SYNONYMS.students.groupExternalId?.includes(header));
  return position < 0 ? undefined : position;
}

function keptColumns(columns: readonly Column[], metadata: readonly string[] | '*'): readonly Column[] {
  if (metadata === '*') return columns;
  const named = new Set(metadata.map(fold));
  return columns.filter(({ name }) => named.has(fold(name)));
}

function refuseDoubles(file: string, headers: readonly string[], folded: readonly string[]): void {
  const double = folded.findIndex((header, index) => header !== '' && folded.indexOf(header) < index);
  if (double >= 0)
    throw new ConnectorError(
      `${file} has two columns named "${headers[double]?.trim()}". Rename or remove one of them.`,
    );
}

function requireFields(
  kind: FileKind,
  file: string,
  headers: readonly string[],
  positions: ReadonlyMap<string, number>,
): void {
  const missing = REQUIRED[kind].find((choice) => !choice.some((field) => positions.has(field)));
  if (!missing) return;
  const examples = missing.map((field) => SYNONYMS[kind][field]?.[0]).join(', ');
  const seen = headers.map((header) => header.trim().slice(0, 40)).slice(0, 20);
  const known =
    positions.size === 0
      ? 'no header that is recognised'
      : `no column for ${missing.join(' or ')} (${examples} …)`;
  throw new ConnectorError(
    `${file} has ${known}; its first line is: ${seen.join(' | ')}. Put the names of the columns there, or set config.columns.${kind}.`,
  );
}
