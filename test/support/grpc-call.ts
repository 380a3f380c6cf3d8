import {
  create,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { TOKEN } from './service.js';

/** Calls a unary RPC by grpc-js. Rejects with the error of grpc-js. */
export async function grpcCall<M extends DescMethodUnary>(
  url: string,
  method: M,
  message: MessageInitShape<M['input']>,
): Promise<MessageShape<M['output']>> {
  const client = new Client(new URL(url).host, credentials.createInsecure());
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${TOKEN}`);
  const path = `/${method.parent.typeName}/${method.name}`;
  const encode = (request: MessageShape<M['input']>) => Buffer.from(toBinary(method.input, request));
  const decode = (bytes: Buffer) => fromBinary(method.output, bytes) as MessageShape<M['output']>;
  try {
    return await new Promise((resolve, reject) => {
      const done = (error: ServiceError | null, answer?: MessageShape<M['output']>) =>
        answer ? resolve(answer) : reject(error);
      const request = create(method.input, message) as MessageShape<M['input']>;
      client.makeUnaryRequest(path, encode, decode, request, metadata, done);
    });
  } finally {
    client.close();
  }
}
