import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ConnectError } from '@connectrpc/connect';
import type { Answer } from '../in-process.js';

/** A message as it goes out. */
export type Written = string | Buffer;

/** How calls with one message and one answer are written in a protocol. */
export interface UnaryProtocol {
  name: 'connect' | 'grpc';
  /** The header that says how long the caller waits, and how it is read. */
  timeoutHeader: string;
  parseTimeout(value: string | null, most: number): { timeoutMs?: number; error?: ConnectError | undefined };
  /** Undefined when it is written at once, which it is where nothing is packed. */
  answer(
    request: IncomingMessage,
    response: ServerResponse,
    answer: Answer<Written>,
  ): Promise<void> | undefined;
  refuse(response: ServerResponse, error: ConnectError): void;
}

/** Headers as Node takes them. */
export function nodeHeaders(...all: Headers[]): Record<string, string> {
  const result: Record<string, string> = {};
  for (const headers of all)
    headers.forEach((value, name) => {
      result[name] = value;
    });
  return result;
}
