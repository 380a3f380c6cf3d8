import type { ServerResponse } from 'node:http';
import { parseTimeout, setTrailerStatus } from '@connectrpc/connect/protocol-grpc';
import { asGrpcMessage } from '../grpc-message.js';
import { packed, takesGzip } from '../packing.js';
import { nodeHeaders, type UnaryProtocol, type Written } from './unary-protocol.js';

const ENVELOPE = 5;

/** Calls of gRPC: a message is in an envelope, and how a call went is said in trailers. */
export const grpcUnary: UnaryProtocol = {
  name: 'grpc',
  timeoutHeader: 'grpc-timeout',
  parseTimeout,
  answer(request, response, { message, header, trailer }) {
    const headers = nodeHeaders(header);
    trailer.set('grpc-status', '0');
    const write = (small?: Buffer) => {
      writeHead(response, headers);
      response.write(inEnvelope(small ?? message, small ? 1 : 0));
      end(response, trailer);
    };
    if (!takesGzip(request, 'grpc-accept-encoding')) return void write();
    headers['grpc-encoding'] = 'gzip';
    return packed(message).then(write);
  },
  refuse(response, error) {
    const trailer = setTrailerStatus(new Headers(), error);
    trailer.set('grpc-message', asGrpcMessage(trailer.get('grpc-message') ?? ''));
    writeHead(response, {});
    end(response, trailer);
  },
};

function writeHead(response: ServerResponse, headers: Record<string, string>): void {
  response.writeHead(200, { ...headers, 'content-type': 'application/grpc+proto' });
}

function end(response: ServerResponse, trailer: Headers): void {
  response.addTrailers(nodeHeaders(trailer));
  response.end();
}

function inEnvelope(message: Written, flags: number): Buffer {
  const bytes = typeof message === 'string' ? Buffer.from(message) : message;
  const whole = Buffer.allocUnsafe(ENVELOPE + bytes.length);
  whole.writeUInt8(flags, 0);
  whole.writeUInt32BE(bytes.length, 1);
  whole.set(bytes, ENVELOPE);
  return whole;
}
