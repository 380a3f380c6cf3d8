import type { ServerResponse } from 'node:http';
import { Code, ConnectError } from '@connectrpc/connect';
import { codeToHttpStatus, errorToJson } from '@connectrpc/connect/protocol-connect';
import type { HttpBody } from '../../../gen/google/api/httpbody_pb.js';
import { ErrorInfoSchema } from '../../../gen/google/rpc/error_details_pb.js';
import type { JsonOptions } from '../json-options.js';

/** Headers of an RPC's answer that a REST answer shows. */
const SHOWN = [
  'x-request-id',
  'location',
  'retry-after',
  'www-authenticate',
  'content-disposition',
  'idempotent-replayed',
];

export function copyHeaders(from: Headers, response: ServerResponse): void {
  for (const name of SHOWN) {
    const value = from.get(name);
    if (value !== null) response.setHeader(name, value);
  }
}

export function answerJson(response: ServerResponse, json: string): void {
  response.setHeader('Content-Type', 'application/json');
  response.setHeader('Content-Length', Buffer.byteLength(json));
  response.end(json);
}

/** A google.api.HttpBody goes out as it is. Browsers are not to guess what else it may be. */
export function answerBody(response: ServerResponse, { contentType, data }: HttpBody): void {
  response.setHeader('Content-Type', contentType || 'application/octet-stream');
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Content-Length', data.length);
  response.end(data);
}

/** The error in the JSON of Connect, under the HTTP status that goes with its code. */
export function answerError(response: ServerResponse, error: ConnectError, options: JsonOptions): void {
  copyHeaders(error.metadata, response);
  response.statusCode = statusOf(error);
  answerJson(response, errorJson(error, options));
}

export function errorJson(error: ConnectError, options: JsonOptions): string {
  return JSON.stringify(errorToJson(error, options));
}

/** Where HTTP has a status that tells more than the one of the code. */
const STATUS_OF_REASON: Readonly<Record<string, number>> = { METHOD_NOT_ALLOWED: 405, BODY_TOO_LARGE: 413 };

function statusOf(error: ConnectError): number {
  const [info] = error.findDetails(ErrorInfoSchema);
  return STATUS_OF_REASON[info?.reason ?? ''] ?? codeToHttpStatus(error.code);
}

/** Waits until a caller who reads slowly has read what was written. Throws when he leaves. */
export function drained(response: ServerResponse, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(new ConnectError('The caller left.', Code.Canceled));
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    response.once('drain', () => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
  });
}
