import type { ConnectError } from '@connectrpc/connect';

/** What is thrown, as an error of RPCs. `requestId`: what the caller gave; `where`: for the log. */
export type MapError = (error: unknown, requestId: string | undefined, where: string) => ConnectError;
