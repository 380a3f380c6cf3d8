import { listenOn } from '../../test/support/listen.js';
import { MoodleSimulator, makeMoodleSchool } from '../../test/support/moodle/index.js';

/** What the process of the simulator says first. */
export interface MoodleOpened {
  /** Address of the site, without a slash at the end. */
  url: string;
  token: string;
}

/**
 * The other side, a process of its own so that its work does not count as ours: arguments are students,
 * courses and milliseconds that each answer waits. Tells its parent where it is, and for each message from it
 * the calls answered so far.
 */
const [students, courses, latencyMs] = process.argv.slice(2).map(Number) as [number, number, number];
const moodle = new MoodleSimulator({ ...makeMoodleSchool({ students, courses }), latencyMs });
let answered = 0;
const { url } = await listenOn((request, response) => {
  response.once('finish', () => {
    answered += 1;
  });
  moodle.handle(request, response);
});
process.on('message', () => process.send?.(answered));
process.once('disconnect', () => process.exit());
process.send?.({ url, token: moodle.token } satisfies MoodleOpened);
