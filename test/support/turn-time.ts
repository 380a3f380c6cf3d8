import { readFileSync } from 'node:fs';

/**
 * Loaded into a service before its own code (`--import`): upon SIGUSR2 it says how much processor time one turn of
 * its event loop took at most since it was asked last, in milliseconds. Unlike the delay of a timer, that is the
 * same on a busy machine. Linux alone counts it so finely.
 */
const path = `/proc/self/task/${process.pid}/schedstat`;
const spent = () => Number(readFileSync(path, 'latin1').split(' ', 1)[0]) / 1e6;
let last = spent();
let longest = 0;
let isWatching = false;

function turn(): void {
  const now = spent();
  longest = Math.max(longest, now - last);
  last = now;
  setImmediate(turn);
}

process.on('SIGUSR2', () => {
  process.stdout.write(`${JSON.stringify({ longestTurnMs: longest })}\n`);
  longest = 0;
  last = spent();
  if (!isWatching) turn();
  isWatching = true;
});
