import { codeToHttpStatus, errorToJsonBytes, parseTimeout } from '@connectrpc/connect/protocol-connect';
import type { JsonOptions } from '../json-options.js';
import { packed, takesGzip } from '../packing.js';
import { nodeHeaders, type UnaryProtocol } from './unary-protocol.js';

/** Calls of Connect: a message is a body, and what is wrong is JSON under a status of HTTP. */
export function connectUnary(isJson: boolean, jsonOptions: JsonOptions): UnaryProtocol {
  const contentType = isJson ? 'application/json' : 'application/proto';
  return {
    name: 'connect',
    timeoutHeader: 'connect-timeout-ms',
    parseTimeout,
    answer(request, response, { message, header, trailer }) {
      const headers: Record<string, string | number> = nodeHeaders(header);
      trailer.forEach((value, name) => {
        headers[`trailer-${name}`] = value;
      });
      headers['content-type'] = contentType;
      const write = (small?: Buffer) => {
        if (small) headers['content-encoding'] = 'gzip';
        const body = small ?? message;
        headers['content-length'] = Buffer.byteLength(body);
        response.writeHead(200, headers).end(body);
      };
      if (takesGzip(request, 'accept-encoding')) return packed(message).then(write);
      return void write();
    },
    refuse(response, error) {
      const body = errorToJsonBytes(error, jsonOptions);
      const headers = { 'content-type': 'application/json', 'content-length': body.length };
      response
        .writeHead(codeToHttpStatus(error.code), { ...nodeHeaders(error.metadata), ...headers })
        .end(body);
    },
  };
}
