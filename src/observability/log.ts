import { type Logger, pino } from 'pino';
import { type LogOutput, logOutput } from './log-output.js';

export type { Logger };

export interface LogOptions {
  level: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';
  /** json: one object a line, for machines. text: one short line, for people. */
  format?: 'json' | 'text';
}

const SECRETS = [
  'authorization',
  'credentials',
  'token',
  'password',
  'secret',
  'apiKey',
  'wsToken',
  'awsSecretKey',
];

/** The log of the process on standard output. Secrets are struck out wherever they turn up by name. */
export function createLogger({ level, format = 'json' }: LogOptions): Logger {
  const redact = {
    paths: SECRETS.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]),
    censor: '[redacted]',
  };
  const options = { level, redact, base: undefined, timestamp: pino.stdTimeFunctions.isoTime };
  const output = logOutput((lines) => logger.warn({ lines }, 'lines of the log were lost: nobody read them'));
  const logger = pino(options, format === 'json' ? output : inText(output));
  return logger;
}

/** The same log for lines whose fields are known to hold no secret: looking for those takes longer than all else. */
export function withoutRedaction(logger: Logger): Logger {
  return logger.child({}, { redact: [] });
}

function inText(output: LogOutput): LogOutput {
  return {
    write: (line) => output.write(toText(line)),
    flush: (done) => output.flush(done),
    flushSync: () => output.flushSync(),
  };
}

function toText(line: string): string {
  const { level, time, msg, err, ...rest } = JSON.parse(line) as Record<string, unknown> & {
    err?: { stack?: string };
  };
  const facts = Object.entries(rest).map(
    ([key, value]) => `${key}=${typeof value === 'object' ? JSON.stringify(value) : value}`,
  );
  const label = pino.levels.labels[Number(level)]?.toUpperCase() ?? level;
  return `${[time, label, msg, ...facts].join(' ')}\n${err?.stack ? `${err.stack}\n` : ''}`;
}
