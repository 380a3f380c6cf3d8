import { z } from 'zod';
import { type MoodleMemory, nowInSeconds } from './moodle-memory.js';

const TOPIC = 'courses with groups';
const DAY = 86_400;
/** A course that has shown no group for so many days has none. */
const BELIEVED_AFTER = 30;

/** Which courses show groups. Courses that could not be read are not among them. */
export type ShownGroups = ReadonlyMap<number, { showsGroups: boolean }>;

/**
 * Courses whose groups may be hidden: without moodle/site:accessallgroups Moodle shows no group of anybody, which
 * looks as if there were none. A course that showed groups before and shows none now proves nothing.
 */
export async function coursesInDoubt(memory: MoodleMemory, courses: ShownGroups): Promise<number[]> {
  const kept = await memory.recall(TOPIC, z.number());
  const now = nowInSeconds();
  const news = new Map<string, unknown>();
  const doubted: number[] = [];
  for (const [id, { showsGroups }] of courses) {
    const shownAt = kept.get(String(id));
    if (showsGroups) {
      if (shownAt === undefined || now - shownAt > DAY) news.set(String(id), now);
    } else if (shownAt !== undefined) doubted.push(id);
  }
  await memory.remember(TOPIC, news, { days: BELIEVED_AFTER });
  return doubted;
}
