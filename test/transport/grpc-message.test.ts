import { expect } from 'chai';
import { withGrpcMessage } from '../../src/transport/grpc-message.js';

async function bodyOf(contentType: string, chunk: Uint8Array): Promise<Buffer> {
  async function* body() {
    yield chunk;
  }
  const header = new Headers({ 'content-type': contentType });
  const answer = withGrpcMessage({ status: 200, header, body: body() });
  const chunks: Uint8Array[] = [];
  for await (const each of answer.body as AsyncIterable<Uint8Array>) chunks.push(each);
  return Buffer.concat(chunks);
}

describe('an answer that begins with the byte of trailers', () => {
  it('goes out as it is, but for gRPC-Web, where they are trailers', async () => {
    // Field 16 of a message, a number of several bytes.
    const message = Buffer.from([0x80, 0x01, 0xff, 0xff, 0x03]);
    expect(await bodyOf('application/proto', message)).to.deep.equal(message);
    const trailers = Buffer.from('\x80\0\0\0\x12grpc-message: a%2B\r\n', 'latin1');
    const text = (await bodyOf('application/grpc-web+proto', trailers)).subarray(5).toString();
    expect(text).to.equal('grpc-message: a+\r\n');
  });
});
