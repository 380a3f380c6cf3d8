import { readFileSync } from 'node:fs';

/**
 * Loaded into a service before its own code (`--import`): upon SIGUSR2 it says how much processor time one turn of
 * its event loop took at most since it was asked last, and, as a yardstick, how much it takes to parse a JSON
 * document of 4 MB five times, in milliseconds. Unlike the delay of a timer, that ratio is the same on a busy machine. Linux
 * alone counts time so finely. Upon every second signal it stops to watch, which takes the whole of a processor.
 */
const path = `/proc/self/task/${process.pid}/schedstat`;
const spent = () => Number(readFileSync(path, 'latin1').split(' ', 1)[0]) / 1e6;
const document = JSON.stringify(
  Object.fromEntries(Array.from({ length: 9_000 }, (_, i) => [`a${i}`, 'x'.repeat(400)])),
);
let last = 0;
let longest = 0;
let isWatching = false;

function turn(): void {
  const now = spent();
  longest = Math.max(longest, now - last);
  last = now;
  if (isWatching) setImmediate(turn);
}

function yardstick(): number {
  const before = spent();
  for (let i = 0; i < 5; i++) JSON.parse(document);
  return spent() - before;
}

process.on('SIGUSR2', () => {
  if (isWatching) turn();
  const said = { longestTurnMs: longest, yardstickMs: yardstick() };
  isWatching = !isWatching;
  longest = 0;
  last = spent();
  if (isWatching) turn();
  process.stdout.write(`${JSON.stringify(said)}\n`);
});
