import sonic from 'sonic-boom';

/**
 * Lines are written together, so many bytes or milliseconds of them: each writing takes as long as a fifth of a small
 * call.
 */
const TOGETHER = { minLength: 4_096, periodicFlush: 100 };
/** How much is kept for whoever does not read, in bytes; what comes after that is lost. */
const MOST_KEPT = 16 * 1_024 * 1_024;
/** How long the end of the process waits for him, in milliseconds. */
const PATIENCE_MS = 2_000;

export type LogOutput = Pick<sonic.SonicBoom, 'write' | 'flush' | 'flushSync'>;

let output: LogOutput | undefined;

/**
 * Standard output, for the log. Nobody waits for whoever reads it, nor is it a failure when nobody does, or its disk is
 * full. What is left is written when the process ends, unless it is killed.
 */
export function logOutput(): LogOutput {
  output ??= open();
  return output;
}

function open(): LogOutput {
  let end = Number.POSITIVE_INFINITY;
  const stream = new sonic.SonicBoom({
    fd: 1,
    sync: false,
    maxLength: MOST_KEPT,
    ...TOGETHER,
    retryEAGAIN: () => performance.now() < end,
  });
  const flush = stream.flushSync.bind(stream);
  // Also called by whoever logs that the process must end.
  stream.flushSync = () => {
    end = performance.now() + PATIENCE_MS;
    try {
      flush();
    } catch {
      // Nobody reads.
    } finally {
      end = Number.POSITIVE_INFINITY;
    }
  };
  stream.on('error', ({ code }: NodeJS.ErrnoException) => {
    if (code === 'EPIPE') stream.write = () => false;
  });
  process.once('exit', () => stream.flushSync());
  return stream;
}
