import { createHash, randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setImmediate } from 'node:timers/promises';
import { encodeXML } from 'entities';
import { readVerifiedBody } from './body.js';
import { S3Refusal } from './s3-refusal.js';
import { type KeyPair, verifySignature } from './signature.js';

export interface S3Object {
  body: Buffer;
  /** With its quotes. */
  etag: string;
  lastModified: Date;
}

interface Upload {
  bucket: string;
  key: string;
  parts: Map<number, S3Object>;
}

interface Call {
  request: IncomingMessage;
  response: ServerResponse;
  bucket: string;
  key: string;
  query: URLSearchParams;
}

const PIECE = 64 * 1024;

/** An S3 of path style, which verifies signatures, body hashes and checksums as the real one does. */
export class S3Simulator {
  /** bucket -> key -> object. */
  readonly buckets = new Map<string, Map<string, S3Object>>();
  readonly #uploads = new Map<string, Upload>();
  /** Told after each piece of an object that was sent. */
  onRead: ((key: string, bytes: number) => void) | undefined;

  constructor(
    private readonly options: KeyPair & { /** Keys in one answer of a list. */ pageSize?: number },
  ) {}

  /** Multipart uploads that were begun and neither completed nor aborted. */
  get openUploads(): number {
    return this.#uploads.size;
  }

  /** Puts an object there; makes the bucket. */
  put(bucket: string, key: string, body: Buffer | string, lastModified = new Date()): void {
    const objects = this.buckets.get(bucket) ?? new Map<string, S3Object>();
    this.buckets.set(bucket, objects.set(key, toObject(Buffer.from(body), lastModified)));
  }

  readonly handle = (request: IncomingMessage, response: ServerResponse): void => {
    this.#answer(request, response).catch((error: unknown) => {
      const refusal = error instanceof S3Refusal ? error : new S3Refusal(500, 'InternalError', String(error));
      if (response.headersSent) return void response.destroy();
      const xml = `<Error><Code>${refusal.code}</Code><Message>${encodeXML(refusal.message)}</Message></Error>`;
      sendXml(response, refusal.status, request.method === 'HEAD' ? '' : xml);
    });
  };

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path = '/', search = ''] = (request.url ?? '/').split('?', 2);
    const [bucket = '', ...rest] = path.slice(1).split('/').map(decodeURIComponent);
    const call = { request, response, bucket, key: rest.join('/'), query: new URLSearchParams(search) };
    verifySignature(request, this.options);
    if (!this.buckets.has(bucket)) throw new S3Refusal(404, 'NoSuchBucket', 'the bucket does not exist');
    switch (
      `${request.method}${call.key ? ' key' : ''}${call.query.has('uploads') ? ' uploads' : ''}${call.query.has('uploadId') ? ' part' : ''}`
    ) {
      case 'GET':
        return this.#list(call);
      case 'GET key':
      case 'HEAD key':
        return this.#get(call);
      case 'PUT key':
        this.put(bucket, call.key, await readVerifiedBody(request));
        response.setHeader('ETag', this.#object(bucket, call.key).etag);
        return sendXml(response, 200, '');
      case 'DELETE key':
        this.buckets.get(bucket)?.delete(call.key);
        return sendXml(response, 204, '');
      case 'POST key uploads':
        return this.#beginUpload(call);
      case 'PUT key part':
        return this.#putPart(call);
      case 'POST key part':
        return this.#completeUpload(call);
      case 'DELETE key part':
        this.#uploads.delete(call.query.get('uploadId') ?? '');
        return sendXml(response, 204, '');
      default:
        throw new S3Refusal(501, 'NotImplemented', `${request.method} ${path}`);
    }
  }

  #list({ response, bucket, query }: Call): void {
    const prefix = query.get('prefix') ?? '';
    const after = query.get('continuation-token') ?? query.get('start-after') ?? '';
    const size = Math.min(Number(query.get('max-keys') ?? 1_000), this.options.pageSize ?? 1_000);
    const found = [...(this.buckets.get(bucket) ?? [])]
      .filter(([key]) => key.startsWith(prefix) && key > after)
      .sort();
    found.sort(([a], [b]) => (a < b ? -1 : 1));
    const page = found.slice(0, size);
    const last = page.at(-1)?.[0] ?? '';
    const next =
      found.length > size ? `<NextContinuationToken>${encodeXML(last)}</NextContinuationToken>` : '';
    const contents = page.map(
      ([key, { body, etag, lastModified }]) =>
        `<Contents><Key>${encodeXML(key)}</Key><LastModified>${lastModified.toISOString()}</LastModified>` +
        `<ETag>${encodeXML(etag)}</ETag><Size>${body.length}</Size></Contents>`,
    );
    sendXml(
      response,
      200,
      `<ListBucketResult><Name>${bucket}</Name><KeyCount>${page.length}</KeyCount><IsTruncated>${found.length > size}</IsTruncated>${next}${contents.join('')}</ListBucketResult>`,
    );
  }

  async #get({ request, response, bucket, key }: Call): Promise<void> {
    const { body, etag, lastModified } = this.#object(bucket, key);
    const wanted = request.headers['if-match'];
    if (wanted !== undefined && wanted !== etag)
      throw new S3Refusal(412, 'PreconditionFailed', 'the object has changed');
    const [, from] = /^bytes=(\d+)-$/.exec(request.headers.range ?? '') ?? [];
    const start = Number(from ?? 0);
    response.writeHead(from === undefined ? 200 : 206, {
      ETag: etag,
      'Last-Modified': lastModified.toUTCString(),
      'Content-Length': body.length - start,
      ...(from !== undefined && { 'Content-Range': `bytes ${start}-${body.length - 1}/${body.length}` }),
    });
    for (let at = start; request.method === 'GET' && at < body.length; at += PIECE) {
      if (!response.write(body.subarray(at, at + PIECE))) await drained(response);
      if (response.destroyed) return;
      this.onRead?.(key, at + PIECE);
      await setImmediate();
    }
    response.end();
  }

  async #beginUpload({ request, response, bucket, key }: Call): Promise<void> {
    await readVerifiedBody(request);
    const id = randomUUID();
    this.#uploads.set(id, { bucket, key, parts: new Map() });
    sendXml(
      response,
      200,
      `<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`,
    );
  }

  async #putPart({ request, response, query }: Call): Promise<void> {
    const part = toObject(await readVerifiedBody(request), new Date());
    this.#upload(query).parts.set(Number(query.get('partNumber')), part);
    response.setHeader('ETag', part.etag);
    sendXml(response, 200, '');
  }

  async #completeUpload({ request, response, query }: Call): Promise<void> {
    const upload = this.#upload(query);
    const xml = (await readVerifiedBody(request)).toString();
    const bodies = [...xml.matchAll(/<Part>.*?<\/Part>/gs)].map(([text]) => {
      const part = upload.parts.get(Number(/<PartNumber>(\d+)</.exec(text)?.[1]));
      const etag = /<ETag>(.*?)<\/ETag>/.exec(text)?.[1]?.replaceAll('&quot;', '"');
      if (!part || part.etag !== etag)
        throw new S3Refusal(400, 'InvalidPart', 'a part is not what was uploaded');
      return part.body;
    });
    if (bodies.length === 0) throw new S3Refusal(400, 'MalformedXML', 'there are no parts');
    this.put(upload.bucket, upload.key, Buffer.concat(bodies));
    this.#uploads.delete(query.get('uploadId') ?? '');
    const { etag } = this.#object(upload.bucket, upload.key);
    sendXml(
      response,
      200,
      `<CompleteMultipartUploadResult><ETag>${encodeXML(etag)}</ETag></CompleteMultipartUploadResult>`,
    );
  }

  #object(bucket: string, key: string): S3Object {
    const object = this.buckets.get(bucket)?.get(key);
    if (!object) throw new S3Refusal(404, 'NoSuchKey', 'the key does not exist');
    return object;
  }

  #upload(query: URLSearchParams): Upload {
    const upload = this.#uploads.get(query.get('uploadId') ?? '');
    if (!upload) throw new S3Refusal(404, 'NoSuchUpload', 'the upload does not exist');
    return upload;
  }
}

function toObject(body: Buffer, lastModified: Date): S3Object {
  return { body, etag: `"${createHash('md5').update(body).digest('hex')}"`, lastModified };
}

function sendXml(response: ServerResponse, status: number, xml: string): void {
  response.writeHead(status, { 'Content-Type': 'application/xml' });
  response.end(xml && `<?xml version="1.0" encoding="UTF-8"?>${xml}`);
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });
}
