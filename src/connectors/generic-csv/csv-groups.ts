import type { CourseRecord, GroupRecord } from '../external-record.js';
import type { CsvColumns } from './csv-headers.js';
import type { CsvRow } from './csv-rows.js';

/** Columns of students.csv that say in which group somebody is. */
const GROUP_COLUMNS = ['groupExternalId', 'groupCourse', 'groupLetter'];

/**
 * The groups that students.csv names, in a school without groups.csv. Written in several ways (capitals,
 * accents, spaces, º and °) it is one group, called as it is written first.
 */
export class GroupsOfStudents {
  readonly #byKey = new Map<string, GroupRecord>();
  readonly #courses = new Map<string, CourseRecord>();

  /** Whether there is a column for it. */
  static areIn({ positions }: CsvColumns): boolean {
    return GROUP_COLUMNS.some((field) => positions.has(field));
  }

  /** The id of the group of a row; empty where it names none. */
  take({ line, cells }: CsvRow, { positions }: CsvColumns): string {
    const cell = (field: string) => {
      const position = positions.get(field);
      return position === undefined ? undefined : (cells[position] ?? '').trim();
    };
    const course = cell('groupCourse') ?? '';
    const name = cell('groupExternalId') ?? [course, cell('groupLetter')].filter(Boolean).join(' ');
    const key = keyOf(name);
    if (key === '') return '';
    const known = this.#byKey.get(key);
    if (known) return known.externalId as string;
    const courseId = this.#course(positions.has('groupExternalId') || course === '' ? name : course, line);
    this.#byKey.set(key, { externalId: name, name, code: name, courseExternalId: courseId, line });
    return name;
  }

  groups(): GroupRecord[] {
    return [...this.#byKey.values()];
  }

  courses(): CourseRecord[] {
    return [...this.#courses.values()];
  }

  #course(name: string, line: number): string {
    const key = keyOf(name);
    const known = this.#courses.get(key);
    if (known) return known.externalId as string;
    this.#courses.set(key, { externalId: name, name, code: name, line });
    return name;
  }
}

/** What stays of a name in all its spellings; "1-1" and "11" are two. */
function keyOf(name: string): string {
  const plain = name.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();
  const key = plain.replace(/[ºª°\s.,_-]+/gu, ' ').trim();
  return key;
}
