import { z } from 'zod';
import { type MoodleMemory, nowInSeconds } from './moodle-memory.js';

const GROUPS = 'courses with groups';
const PEOPLE = 'courses with people';
const DAY = 86_400;
/** A course that has shown no group, or nobody, for so many days has none. */
const BELIEVED_AFTER = 30;

/** What courses show. Courses that could not be read are not among them. */
export type ShownCourses = ReadonlyMap<number, { showsGroups: boolean; isEmpty: boolean }>;

/**
 * Courses whose people may be hidden: without moodle/user:viewdetails in a course Moodle drops everybody from its
 * list, which looks as if nobody were enrolled. A course that showed people before and shows nobody now proves nothing.
 */
export async function emptiedCourses(memory: MoodleMemory, courses: ShownCourses): Promise<number[]> {
  return noLongerShown(memory, PEOPLE, new Map([...courses].map(([id, { isEmpty }]) => [id, !isEmpty])));
}

/**
 * Courses whose groups may be hidden: without moodle/site:accessallgroups Moodle shows no group of anybody, which
 * looks as if there were none. A course that showed groups before and shows none now proves nothing.
 */
export async function coursesInDoubt(memory: MoodleMemory, courses: ShownCourses): Promise<number[]> {
  return noLongerShown(
    memory,
    GROUPS,
    new Map([...courses].map(([id, { showsGroups }]) => [id, showsGroups])),
  );
}

/** Courses that showed something lately and do not now; takes note of those that do. */
async function noLongerShown(
  memory: MoodleMemory,
  topic: string,
  courses: ReadonlyMap<number, boolean>,
): Promise<number[]> {
  const kept = await memory.recall(topic, z.number());
  const now = nowInSeconds();
  const news = new Map<string, unknown>();
  const doubted: number[] = [];
  for (const [id, isShown] of courses) {
    const shownAt = kept.get(String(id));
    if (isShown) {
      if (shownAt === undefined || now - shownAt > DAY) news.set(String(id), now);
    } else if (shownAt !== undefined) doubted.push(id);
  }
  await memory.remember(topic, news, { days: BELIEVED_AFTER });
  return doubted;
}
