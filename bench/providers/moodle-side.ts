import { listenOn } from '../../test/support/listen.js';
import { MoodleSimulator, makeMoodleSchool } from '../../test/support/moodle/index.js';

/** What the process of the simulator says first. */
export interface MoodleOpened {
  /** Address of the site, without a slash at the end. */
  url: string;
  token: string;
}

/** What it says to each message: what was answered so far. */
export interface Answered {
  calls: number;
  /** Milliseconds that the answers took, one after the other. */
  milliseconds: number;
}

/**
 * The other side, a process of its own so that its work does not count as ours: arguments are students, courses,
 * milliseconds that each answer waits, and a factor for what a person in a list costs besides, 1 being what was
 * seen of a Moodle 4.5: 1.3 ms in a list of a course and 3 ms in one of accounts. Tells its parent where it is,
 * and for each message from it what was answered so far.
 */
const [students, courses, latencyMs, rows] = process.argv.slice(2).map(Number) as [
  number,
  number,
  number,
  number,
];
const rowLatencyMs = { core_enrol_get_enrolled_users: 1.3 * rows, core_user_get_users_by_field: 3 * rows };
const moodle = new MoodleSimulator({ ...makeMoodleSchool({ students, courses }), latencyMs, rowLatencyMs });
let calls = 0;
const { url } = await listenOn((request, response) => {
  response.once('finish', () => {
    calls += 1;
  });
  moodle.handle(request, response);
});
process.on('message', () => process.send?.({ calls, milliseconds: moodle.waited } satisfies Answered));
process.once('disconnect', () => process.exit());
process.send?.({ url, token: moodle.token } satisfies MoodleOpened);
