import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import {
  GetObjectCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { expect } from 'chai';
import { listenOn } from '../listen.js';
import { S3Simulator } from './index.js';

const KEYS = { accessKey: 'AKIATEST', secretKey: 'very-secret' };

async function bucket(secretAccessKey = KEYS.secretKey) {
  const simulator = new S3Simulator({ ...KEYS, pageSize: 2 });
  simulator.buckets.set('school', new Map());
  const server = await listenOn(simulator.handle);
  const client = new S3Client({
    endpoint: server.url,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: KEYS.accessKey, secretAccessKey },
    maxAttempts: 1,
  });
  return { simulator, server, client };
}

const nameOf = (call: Promise<unknown>) =>
  call.then(
    () => 'taken',
    (error: Error) => error.name,
  );

describe('the S3 server of the tests', () => {
  it('puts, gets and lists over several pages, with keys that must be escaped', async () => {
    const { client, server } = await bucket();
    for (const Key of ['a b/ñ&1.csv', 'a b/2.csv', 'a b/3.csv', 'c.csv']) {
      await client.send(new PutObjectCommand({ Bucket: 'school', Key, Body: `of ${Key}` }));
    }
    const object = await client.send(new GetObjectCommand({ Bucket: 'school', Key: 'a b/ñ&1.csv' }));
    expect(await text(object.Body as Readable)).to.equal('of a b/ñ&1.csv');
    const keys: string[] = [];
    let token: string | undefined;
    do {
      const page: ListObjectsV2CommandOutput = await client.send(
        new ListObjectsV2Command({ Bucket: 'school', Prefix: 'a b/', ContinuationToken: token }),
      );
      keys.push(...(page.Contents ?? []).map(({ Key }) => Key as string));
      token = page.NextContinuationToken;
    } while (token);
    expect(keys).to.deep.equal(['a b/2.csv', 'a b/3.csv', 'a b/ñ&1.csv']);
    await server.close();
  });

  it('takes an upload in parts from a stream', async () => {
    const { client, server, simulator } = await bucket();
    const Body = Readable.from(Array.from({ length: 12 }, () => Buffer.alloc(1_000_000, 'x')));
    await new Upload({
      client,
      params: { Bucket: 'school', Key: 'big', Body },
      partSize: 5 * 1024 * 1024,
    }).done();
    expect(simulator.buckets.get('school')?.get('big')?.body.length).to.equal(12_000_000);
    expect(simulator.openUploads).to.equal(0);
    await server.close();
  });

  it('refuses a wrong secret, an unknown key, and an object that is not the one that is pinned', async () => {
    const { client, server, simulator } = await bucket();
    const wrong = await bucket('another-secret');
    expect(await nameOf(wrong.client.send(new GetObjectCommand({ Bucket: 'school', Key: 'x' })))).to.equal(
      'SignatureDoesNotMatch',
    );
    expect(await nameOf(client.send(new GetObjectCommand({ Bucket: 'school', Key: 'x' })))).to.equal(
      'NoSuchKey',
    );
    expect(await nameOf(client.send(new GetObjectCommand({ Bucket: 'else', Key: 'x' })))).to.equal(
      'NoSuchBucket',
    );
    simulator.put('school', 'x', 'new');
    const pinned = new GetObjectCommand({ Bucket: 'school', Key: 'x', IfMatch: '"old"' });
    expect(await nameOf(client.send(pinned))).to.equal('PreconditionFailed');
    await Promise.all([server.close(), wrong.server.close()]);
  });

  it('refuses a body that does not fit its checksum', async () => {
    const { client, server } = await bucket();
    const put = new PutObjectCommand({ Bucket: 'school', Key: 'x', Body: 'text', ChecksumCRC32: 'AAAAAA==' });
    expect(await nameOf(client.send(put))).to.equal('BadDigest');
    await server.close();
  });
});
