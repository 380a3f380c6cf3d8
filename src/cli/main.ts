#!/usr/bin/env node
import { CommanderError } from 'commander';
import { EXIT } from './exit-codes.js';
import { program } from './program.js';
import { report } from './report-error.js';

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // `smartid … | head` closes the pipe early, which is no failure.
  if (error.code === 'EPIPE') process.exit(EXIT.done);
  process.stderr.write(`The output could not be written: ${error.code}.\n`);
  process.exit(EXIT.failed);
});
// Progress and remarks that nobody reads are no reason to stop in the middle of something.
process.stderr.on('error', () => {});

try {
  await program().parseAsync();
} catch (error) {
  // commander has written its sentence already.
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? EXIT.done : EXIT.usage;
  else process.exitCode = await report(error);
}
