const cleaning: (() => void)[] = [];

/**
 * Does this when the process of the tests ends, the latest first. No hook of mocha can: it gives a process many
 * files, one after the other, and what is shared by all of them outlives the hooks of each.
 */
export function atExit(clean: () => void): void {
  cleaning.unshift(clean);
}

process.once('exit', () => {
  // Mocha ends a process that takes more than a second to leave; this one has something to take away.
  process.on('SIGTERM', () => {});
  for (const clean of cleaning) clean();
});
