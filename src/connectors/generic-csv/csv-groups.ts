import type { CourseRecord, GroupRecord, RecordIssue } from '../external-record.js';
import type { CsvColumns } from './csv-headers.js';
import type { CsvRow } from './csv-rows.js';

/** Columns of students.csv that say in which group somebody is. */
const GROUP_COLUMNS = ['groupExternalId', 'groupCourse', 'groupLetter'] as const;
type GroupColumn = (typeof GROUP_COLUMNS)[number];

/** Where the columns stand of which the name of a group is made, and that of its course. */
interface Making {
  group: readonly GroupColumn[];
  course: GroupColumn | undefined;
  /** The column that is not looked at beside these. */
  unused?: GroupColumn;
}

/** How a cell, or several, name something. */
interface Name {
  id: string;
  name: string;
}

/** A group or a course in all the ways it is written, with how many rows write it so. */
interface Named {
  id: string;
  spellings: Map<string, number>;
  /** Of the first row. */
  line: number;
}

/**
 * The groups that students.csv names, in a school without groups.csv. Written in several ways (capitals,
 * accents, spaces, º and °) it is one group, called as most rows write it. Its id is the name without all that,
 * in capitals: it must not change when rows are written otherwise, or a student leaves. Where a column is one of
 * ids, they are taken as they are.
 */
export class GroupsOfStudents {
  readonly #columns: CsvColumns;
  readonly #making: Making;
  readonly #groups = new Map<string, Named & { course: string }>();
  readonly #courses = new Map<string, Named>();

  constructor(columns: CsvColumns) {
    this.#columns = columns;
    this.#making = makingOf(columns);
  }

  /** Whether there is a column for it. */
  static areIn({ positions }: CsvColumns): boolean {
    return GROUP_COLUMNS.some((field) => positions.has(field));
  }

  /** Takes note of the group of a row. Every row of the file comes here before anything is asked. */
  note(row: CsvRow): void {
    const group = this.#groupIn(row);
    if (!group) return;
    const course = this.#courseIn(row) ?? group;
    const noted = this.#groups.get(group.id) ?? { ...unseen(group, row), course: course.id };
    this.#groups.set(group.id, noted);
    countSpelling(noted, group);
    const known = this.#courses.get(course.id) ?? unseen(course, row);
    this.#courses.set(course.id, known);
    countSpelling(known, course);
  }

  /** The id of the group of a row; empty where it names none. */
  idOf(row: CsvRow): string {
    return this.#groupIn(row)?.id ?? '';
  }

  groups(): GroupRecord[] {
    return [...this.#groups.values()].map((group) => ({
      ...recordOf(group),
      courseExternalId: group.course,
    }));
  }

  courses(): CourseRecord[] {
    return [...this.#courses.values()].map(recordOf);
  }

  /** That more than one column speaks of groups, where nobody said which counts. */
  warning(file: string): RecordIssue | undefined {
    const { group, unused } = this.#making;
    if (!group.includes('groupExternalId') && !unused) return undefined;
    const [first, second] = group.map((field) => `"${this.#columns.names[field]}"`);
    if (!first || !second) return undefined;
    const rest = unused ? `; "${this.#columns.names[unused]}" is not looked at` : '';
    return {
      severity: 'warning',
      rule: 'groups.columns',
      problem: `the columns ${first} and ${second} make one name of a group${rest}`,
      file,
      hint: 'If one column alone tells the group, set config.columns.students.groupExternalId to it.',
    };
  }

  #groupIn(row: CsvRow): Name | undefined {
    const { group } = this.#making;
    const [first, ...others] = group;
    if (first && others.length === 0) return this.#nameIn(row, first);
    const name = group.reduce((whole, field) => join(whole, this.#cell(row, field)), '');
    return asName(name);
  }

  #courseIn(row: CsvRow): Name | undefined {
    const { course } = this.#making;
    return course && this.#nameIn(row, course);
  }

  #nameIn(row: CsvRow, field: GroupColumn): Name | undefined {
    const text = this.#cell(row, field);
    if (text === '' || !holdsIds(this.#columns.names[field] ?? '')) return asName(text);
    return { id: text, name: text };
  }

  #cell({ cells }: CsvRow, field: GroupColumn): string {
    const position = this.#columns.positions.get(field);
    return position === undefined ? '' : (cells[position] ?? '').trim();
  }
}

/**
 * Of a column of ids, or one that the settings name, the groups are made as they stand; else of two columns: the
 * A of one course is not that of another.
 */
function makingOf({ positions, names, named }: CsvColumns): Making {
  const has = (field: GroupColumn) => positions.has(field);
  const course = has('groupCourse') ? 'groupCourse' : undefined;
  const isWhole = named.has('groupExternalId') || holdsIds(names.groupExternalId ?? '');
  if (has('groupExternalId') && isWhole) return { group: ['groupExternalId'], course };
  if (course && has('groupLetter')) {
    const group: GroupColumn[] = [course, 'groupLetter'];
    return { group, course, ...(has('groupExternalId') && { unused: 'groupExternalId' }) };
  }
  const group = (['groupCourse', 'groupExternalId', 'groupLetter'] as const).filter(has);
  return { group, course };
}

/** Whether a column holds ids of groups or courses, by its header: `grupo_id`, `Id curso`, `Código grupo`. */
function holdsIds(header: string): boolean {
  const words = plain(header).split(/[^a-z]+/);
  return words.some((word) =>
    /^(id|identificador|codigo|cod|id(grupo|curso)|(grupo|group|class|curso)id)$/.test(word),
  );
}

function asName(text: string): Name | undefined {
  const id = keyOf(text);
  return id === '' ? undefined : { id, name: text };
}

/** `1° Medio` and `A`; of `1° Medio` and `1° Medio A`, the second says all. */
function join(first: string, second: string): string {
  if (keyOf(second) === '') return first;
  if (keyOf(first) === '' || `${keyOf(second)} `.startsWith(`${keyOf(first)} `)) return second;
  return `${first} ${second}`;
}

function unseen({ id }: Name, { line }: CsvRow): Named {
  return { id, spellings: new Map(), line };
}

function countSpelling({ spellings }: Named, { name }: Name): void {
  spellings.set(name, (spellings.get(name) ?? 0) + 1);
}

function recordOf(named: Named) {
  const name = usual(named);
  return { externalId: named.id, name, code: name, line: named.line };
}

/** What most rows write; of two that are as many, the one that comes first in the order of characters. */
function usual({ spellings }: Named): string {
  const [[name]] = [...spellings].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)) as [[string, number]];
  return name;
}

/** What stays of a name in all its spellings, in capitals; "1-1" and "11" are two. */
function keyOf(name: string): string {
  return plain(name)
    .replace(/[ºª°\s.,_-]+/gu, ' ')
    .trim()
    .toUpperCase();
}

function plain(text: string): string {
  return text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();
}
