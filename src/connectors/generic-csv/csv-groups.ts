import type { CourseRecord, GroupRecord } from '../external-record.js';
import type { CsvColumns } from './csv-headers.js';
import type { CsvRow } from './csv-rows.js';

/** Columns of students.csv that say in which group somebody is. */
const GROUP_COLUMNS = ['groupExternalId', 'groupCourse', 'groupLetter'];

/** A group or a course in all the ways it is written, with how many rows write it so. */
interface Named {
  spellings: Map<string, number>;
  /** Of the first row. */
  line: number;
}

/**
 * The groups that students.csv names, in a school without groups.csv. Written in several ways (capitals,
 * accents, spaces, º and °) it is one group. It is called as most rows write it, whichever comes first: its
 * name is its id, which must not change when a student leaves or the rows are sorted anew.
 */
export class GroupsOfStudents {
  readonly #groups = new Map<string, Named & { course: string }>();
  readonly #courses = new Map<string, Named>();
  /** What each is called, once somebody asked. */
  readonly #called = new Map<Named, string>();

  /** Whether there is a column for it. */
  static areIn({ positions }: CsvColumns): boolean {
    return GROUP_COLUMNS.some((field) => positions.has(field));
  }

  /** Takes note of the group of a row. Every row of the file comes here before anything is asked. */
  note(row: CsvRow, columns: CsvColumns): void {
    const { name, course } = namesOf(row, columns);
    const key = keyOf(name);
    if (key === '') return;
    const group = this.#groups.get(key) ?? { spellings: new Map(), line: row.line, course: keyOf(course) };
    this.#groups.set(key, group);
    countSpelling(group, name);
    const courseKey = keyOf(course);
    const known = this.#courses.get(courseKey) ?? { spellings: new Map(), line: row.line };
    this.#courses.set(courseKey, known);
    countSpelling(known, course);
  }

  /** The id of the group of a row; empty where it names none. */
  idOf(row: CsvRow, columns: CsvColumns): string {
    const { name } = namesOf(row, columns);
    const key = keyOf(name);
    if (key === '') return '';
    const group = this.#groups.get(key);
    return group ? this.#nameOf(group) : name;
  }

  groups(): GroupRecord[] {
    return [...this.#groups.values()].map((group) => {
      const course = this.#courses.get(group.course) as Named;
      return { ...this.#recordOf(group), courseExternalId: this.#nameOf(course) };
    });
  }

  courses(): CourseRecord[] {
    return [...this.#courses.values()].map((course) => this.#recordOf(course));
  }

  #recordOf(named: Named) {
    const name = this.#nameOf(named);
    return { externalId: name, name, code: name, line: named.line };
  }

  #nameOf(named: Named): string {
    const known = this.#called.get(named) ?? usual(named);
    this.#called.set(named, known);
    return known;
  }
}

/** The names of group and course in a row; empty where there is none. */
function namesOf({ cells }: CsvRow, { positions }: CsvColumns): { name: string; course: string } {
  const cell = (field: string) => {
    const position = positions.get(field);
    return position === undefined ? undefined : (cells[position] ?? '').trim();
  };
  const course = cell('groupCourse') ?? '';
  const name = cell('groupExternalId') ?? [course, cell('groupLetter')].filter(Boolean).join(' ');
  return { name, course: positions.has('groupExternalId') || course === '' ? name : course };
}

function countSpelling({ spellings }: Named, text: string): void {
  spellings.set(text, (spellings.get(text) ?? 0) + 1);
}

/** What most rows write; of two that are as many, the one that comes first in the order of characters. */
function usual({ spellings }: Named): string {
  const [[name]] = [...spellings].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)) as [[string, number]];
  return name;
}

/** What stays of a name in all its spellings; "1-1" and "11" are two. */
function keyOf(name: string): string {
  const plain = name.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();
  const key = plain.replace(/[ºª°\s.,_-]+/gu, ' ').trim();
  return key;
}
