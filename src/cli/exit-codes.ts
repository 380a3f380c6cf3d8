/** What the exit codes of `smartid` mean; docs/cli.md lists them. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  held: 3,
  failedRows: 4,
  unreachable: 5,
  interrupted: 130,
} as const;

/** What the caller has to put right: exit code 2. The message is a sentence for a person. */
export class UsageError extends Error {}
