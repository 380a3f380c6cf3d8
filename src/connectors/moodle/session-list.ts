import { z } from 'zod';
import { HttpFailure } from '../http/index.js';
import type { Activity } from './attendance-activities.js';
import type { MoodleClient } from './moodle-client.js';
import { type MoodleMemory, nowInSeconds } from './moodle-memory.js';
import { anything, type MoodleSession, sessions } from './moodle-wire.js';

const TOPIC = 'activities that cannot be listed';
const HOUR = 3_600;
const MOST_HOURS = 24;
const DAYS = 7;
/** What PHP says where it shows its errors. */
const OUT_OF_MEMORY = /memory size of \d+ bytes exhausted|out of memory/i;

/** How the list of an activity failed: since when, when for the last time, and for how long it is not asked for. */
const noted = z.object({ since: z.number(), failedAt: z.number(), hours: z.number() });
type Note = z.infer<typeof noted>;

/**
 * What a failure says: that the list is too long (`certain`), that it may be (`likely`: the same error twice, while
 * the rest of Moodle is well), or that it takes too long now (`slow`).
 */
interface Failure {
  is: 'certain' | 'likely' | 'slow';
  error: HttpFailure;
}

/**
 * The sessions of an activity; undefined where they are too many. Moodle gives each of them with all students of
 * the course, and has no way to ask for some: of a large course a term of sessions exhausts its memory, each time
 * anew. Such a list is not asked for again for an hour, and longer when it still fails then.
 *
 * Throws where it fails for another reason, or may: who goes on without the list could add a session that is kept
 * there by hand. A list that never comes in time counts as too long once that has been so for an hour.
 */
export async function listSessions(
  { client, memory }: { client: MoodleClient; memory: MoodleMemory },
  { id }: Activity,
): Promise<MoodleSession[] | undefined> {
  const key = String(id);
  const before = (await memory.recall(TOPIC, noted, [key])).get(key);
  const now = nowInSeconds();
  if (before && isWithin(now - before.failedAt, before.hours)) return undefined;
  const listed = await tryToList(client, id);
  if (Array.isArray(listed)) {
    if (before) await memory.remember(TOPIC, new Map([[key, undefined]]));
    return listed;
  }
  const note = noteOf(listed, before, now);
  await memory.remember(TOPIC, new Map([[key, note]]), { days: DAYS });
  if (note.hours === 0) throw listed.error;
  return undefined;
}

function noteOf({ is }: Failure, before: Note | undefined, now: number): Note {
  const known = before && isWithin(now - before.failedAt, 2 * MOST_HOURS) ? before : undefined;
  const since = known?.since ?? now;
  const doubled = Math.min(MOST_HOURS, Math.max(1, 2 * (known?.hours ?? 0)));
  const isNew = is === 'slow' && isWithin(now - since, 1);
  return { since, failedAt: now, hours: is === 'certain' ? MOST_HOURS : isNew ? 0 : doubled };
}

function isWithin(seconds: number, hours: number): boolean {
  return seconds >= 0 && seconds < hours * HOUR;
}

/** Asks twice at most, and in between whether Moodle is well. Throws what is no sign of a long list. */
async function tryToList(client: MoodleClient, id: number): Promise<MoodleSession[] | Failure> {
  const first = await ask(client, id);
  if (!(first instanceof HttpFailure)) return first;
  if (isCertain(first)) return { is: 'certain', error: first };
  await client.call('core_webservice_get_site_info', {}, anything);
  const second = await ask(client, id);
  if (!(second instanceof HttpFailure)) return second;
  if (isCertain(second)) return { is: 'certain', error: second };
  if (isSlow(first) && isSlow(second)) return { is: 'slow', error: second };
  const { answer } = first;
  if (answer && answer.status === second.answer?.status && answer.text === second.answer.text)
    return { is: 'likely', error: second };
  throw second;
}

/** The list, or what a list too long can end in. */
async function ask(client: MoodleClient, id: number): Promise<MoodleSession[] | HttpFailure> {
  try {
    return await client.call('mod_attendance_get_sessions', { attendanceid: id }, sessions, {
      retryIf: (failure) => !mayBeTooMuch(failure),
    });
  } catch (error) {
    if (error instanceof HttpFailure && mayBeTooMuch(error)) return error;
    throw error;
  }
}

function mayBeTooMuch(failure: HttpFailure): boolean {
  return failure.answer?.status === 500 || failure.kind === 'size' || isSlow(failure);
}

/** It did not come in time, or a gateway lost patience with it, or its process. */
function isSlow({ kind, answer }: HttpFailure): boolean {
  return kind === 'timeout' || [502, 504].includes(answer?.status ?? 0);
}

/** The answer was larger than answers may be, or than PHP can make. */
function isCertain({ kind, answer }: HttpFailure): boolean {
  return kind === 'size' || (answer !== undefined && OUT_OF_MEMORY.test(answer.text));
}
