import { once } from 'node:events';
import { existsSync } from 'node:fs';
import http2 from 'node:http2';
import net from 'node:net';
import { gzipSync } from 'node:zlib';
import { create, type JsonObject, toBinary } from '@bufbuild/protobuf';

import { expect } from 'chai';
import { CreateIntegrationRequestSchema } from '../../gen/smartid/integrations/v1/integration_service_pb.js';
import { sharedService, startService, TOKEN } from '../support/service.js';
import { until } from '../support/until.js';

const CREATE = '/smartid.integrations.v1.IntegrationService/CreateIntegration';
const MIB = 1024 * 1024;
/** How often a body is sent, until once it did not keep the service busy for long. */
const ROUNDS = 20;
/** How many times as long as five parses of JSON of that size the service may be busy at one time. */
const YARDSTICKS = 3;

/** How long the longest of many short calls took, in milliseconds, while `work` goes on. */
async function longestProbe(url: string, work: Promise<unknown>): Promise<number> {
  let isOver = false;
  const end = work.finally(() => {
    isOver = true;
  });
  let longest = 0;
  while (!isOver) {
    const start = performance.now();
    await (await fetch(`${url}/healthz`)).text();
    longest = Math.max(longest, performance.now() - start);
  }
  await end;
  return longest;
}

function envelope(message: Uint8Array, flags = 0): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(flags, 0);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** A POST over HTTP/2; `stay`: the body is not ended. */
async function post2(
  url: string,
  path: string,
  headers: Record<string, string>,
  body: Uint8Array,
  stay = false,
) {
  const session = http2.connect(url);
  const stream = session.request({ ':path': path, ':method': 'POST', te: 'trailers', ...headers });
  let trailers: Record<string, unknown> = {};
  stream.on('trailers', (given) => {
    trailers = given;
  });
  stream.on('error', () => {});
  if (stay) stream.write(body);
  else stream.end(body);
  const [answer] = (await once(stream, 'response')) as [Record<string, unknown>];
  stream.resume();
  await once(stream, 'close');
  session.destroy();
  return { ...answer, ...trailers };
}

const bearer = { authorization: `Bearer ${TOKEN}` };

/** A request whose config is this JSON, in protobuf's binary form. */
function binary(config: JsonObject): Uint8Array {
  return toBinary(
    CreateIntegrationRequestSchema,
    create(CreateIntegrationRequestSchema, {
      institutionId: '7a3c1f0e-52b4-4c8e-9d0a-0f6f3c1f2b11',
      provider: 'GENERIC_CSV',
      config,
    }),
  );
}

function nested(depth: number): string {
  return `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
}

describe('a caller without a token', () => {
  it('is told so by every protocol before his body is looked at', async () => {
    const { url } = await sharedService();
    const post = (path: string, type: string, body: string | Uint8Array) =>
      fetch(url + path, { method: 'POST', headers: { 'content-type': type }, body });
    expect((await post('/integrations', 'application/json', '{"')).status).to.equal(401);
    expect((await post('/integrations', 'text/plain', 'x')).status).to.equal(401);
    expect((await post(CREATE, 'application/json', '{"')).status).to.equal(401);
    const proto = await post(CREATE, 'application/proto', new Uint8Array([0xff, 0xff]));
    expect(proto.status).to.equal(401);
    expect(proto.headers.get('x-request-id')).to.be.a('string');
    const got = await fetch(
      `${url}/smartid.integrations.v1.IntegrationService/ListProviders?connect=v1&encoding=json&message=%7B`,
    );
    expect(got.status).to.equal(401);
    for (const type of ['application/grpc', 'application/grpc+proto', 'application/grpc+json']) {
      const answer = await post2(url, CREATE, { 'content-type': type }, envelope(Buffer.from([0xff])));
      expect(answer, type).to.include({ 'grpc-status': '16' });
    }
    const web = await post(CREATE, 'application/grpc-web+proto', envelope(Buffer.from([0xff])));
    expect(await web.text()).to.match(/grpc-status: ?16/);
  });

  it('is answered while he is still sending, and cut off when he does not end', async () => {
    const { url } = await sharedService();
    const { port, hostname } = new URL(url);
    const socket = net.connect(Number(port), hostname);
    socket.on('error', () => {});
    socket.write(
      `POST /integrations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${MIB}\r\n\r\n{`,
    );
    const [first] = (await once(socket, 'data')) as [Buffer];
    expect(String(first)).to.match(/^HTTP\/1\.1 401/);
    await once(socket, 'close');
    const answer = await post2(url, CREATE, { 'content-type': 'application/grpc' }, Buffer.from([0]), true);
    expect(answer).to.include({ 'grpc-status': '16' });
  });

  it('keeps nobody waiting with bodies that are hard to understand', async () => {
    const { url } = await sharedService();
    const keys = Object.fromEntries(Array.from({ length: 300_000 }, (_, i) => [`a${i}`, 1]));
    const object = JSON.stringify(keys).slice(0, 4 * MIB);
    const attack = async (path: string, body: string) => {
      const headers = { 'content-type': 'application/json' };
      const { status } = await fetch(url + path, { method: 'POST', headers, body });
      expect(status).to.equal(401);
    };
    const lists = '['.repeat(4 * MIB);
    const all = Array.from({ length: 20 }, (_, i) => attack(i % 2 ? CREATE : '/integrations', lists));
    const objects = Array.from({ length: 10 }, () => attack('/integrations', object));
    expect(await longestProbe(url, Promise.all([...all, ...objects]))).to.be.below(6_000);
  });
});

describe('a caller with a token', () => {
  it('is told at which bound a body was left, in JSON and in the binary form', async () => {
    const { url } = await sharedService();
    const reasonOf = async (
      path: string,
      body: string | Uint8Array,
      type = 'application/json',
      more = {},
    ) => {
      const headers = { ...bearer, 'content-type': type, ...more };
      const response = await fetch(url + path, { method: 'POST', headers, body });
      const { details } = (await response.json()) as { details: { debug: { reason?: string } }[] };
      return `${response.status} ${details[0]?.debug.reason}`;
    };
    const many = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`a${i}`, 1]));
    const deep = JSON.parse(nested(70)) as JsonObject;
    const proto = 'application/proto';
    for (const path of ['/integrations', CREATE]) {
      expect(await reasonOf(path, `{"config":${nested(64)}}`)).to.equal('400 BODY_TOO_DEEP');
      expect(await reasonOf(path, '['.repeat(100))).to.equal('400 BODY_TOO_DEEP');
      expect(await reasonOf(path, JSON.stringify({ config: many }))).to.equal('400 BODY_TOO_COMPLEX');
      expect(await reasonOf(path, `{"config":{"a":[${'1,'.repeat(20_000)}1]}}`)).to.equal(
        '400 BODY_TOO_COMPLEX',
      );
    }
    expect(await reasonOf('/integrations', `"${'x'.repeat(4 * MIB)}"`)).to.equal('413 BODY_TOO_LARGE');
    expect(await reasonOf(CREATE, Buffer.from(binary(many)), proto)).to.equal('400 BODY_TOO_COMPLEX');
    expect(await reasonOf(CREATE, Buffer.from(binary(deep)), proto)).to.equal('400 BODY_TOO_DEEP');
    const bomb = gzipSync(Buffer.alloc(64 * MIB));
    const gzip = { 'content-encoding': 'gzip' };
    expect(await reasonOf(CREATE, bomb, proto, gzip)).to.equal('429 BODY_TOO_LARGE');
    expect(await reasonOf(CREATE, 'no gzip', proto, gzip)).to.equal('400 MALFORMED_REQUEST');
    expect(await reasonOf(CREATE, gzipSync(binary(many)), proto, gzip)).to.equal('400 BODY_TOO_COMPLEX');
  });

  it('may send what is just within the bounds, packed or not', async () => {
    const { url } = await sharedService();
    const codeOf = async (body: string | Uint8Array, type: string, more = {}) => {
      const headers = { ...bearer, 'content-type': type, ...more };
      const response = await fetch(url + CREATE, { method: 'POST', headers, body });
      return (await response.json()) as { code: string; message: string };
    };
    // The settings of a connector are checked last of all: who comes so far has been understood.
    const config = JSON.parse(nested(60)) as JsonObject;
    const packed = { 'content-encoding': 'gzip' };
    const message = binary(config);
    for (const answer of [
      await codeOf(Buffer.from(message), 'application/proto'),
      await codeOf(gzipSync(message), 'application/proto', packed),
      await codeOf(
        JSON.stringify({
          institutionId: '7a3c1f0e-52b4-4c8e-9d0a-0f6f3c1f2b11',
          provider: 'GENERIC_CSV',
          config,
        }),
        'application/json',
      ),
    ])
      expect(answer.message).to.match(/Unrecognized key: .a./);
    const gzipped = envelope(gzipSync(message), 1);
    const answer = await post2(
      url,
      CREATE,
      { ...bearer, 'content-type': 'application/grpc', 'grpc-encoding': 'gzip' },
      gzipped,
    );
    expect(decodeURIComponent(String((answer as Record<string, unknown>)['grpc-message']))).to.match(
      /Unrecognized key: .a./,
    );
  });

  it('keeps the service busy at one time no longer than it takes to parse some such bodies, by every protocol', async function () {
    if (!existsSync('/proc/self/schedstat')) return this.skip();
    const loaded = new URL('../support/turn-time.js', import.meta.url).href;
    const service = await startService({ env: { NODE_OPTIONS: `--import ${loaded}` } });
    const { url } = service;
    const many = Object.fromEntries(Array.from({ length: 9_000 }, (_, i) => [`a${i}`, 'x'.repeat(400)]));
    const institutionId = '7a3c1f0e-52b4-4c8e-9d0a-0f6f3c1f2b11';
    const json = JSON.stringify({ institutionId, provider: 'GENERIC_CSV', config: many });
    const message = Buffer.from(binary(many));
    const told = async () => {
      const before = service.log.length;
      const line = () => service.log.slice(before).find((text) => text.includes('longestTurnMs'));
      service.process.kill('SIGUSR2');
      await until(() => line() !== undefined);
      return JSON.parse(line() as string) as { longestTurnMs: number; yardstickMs: number };
    };
    const send = async (path: string, type: string, body: string | Uint8Array) => {
      const headers = { ...bearer, 'content-type': type };
      await (await fetch(url + path, { method: 'POST', headers, body })).text();
    };
    const ways: Record<string, () => Promise<unknown>> = {
      REST: () => send('/integrations', 'application/json', json),
      'Connect, JSON': () => send(CREATE, 'application/json', json),
      'Connect, binary': () => send(CREATE, 'application/proto', message),
      'gRPC-Web': () => send(CREATE, 'application/grpc-web+proto', envelope(message)),
      gRPC: () => post2(url, CREATE, { ...bearer, 'content-type': 'application/grpc' }, envelope(message)),
    };
    try {
      for (const [way, call] of Object.entries(ways)) {
        const rounds: number[] = [];
        // The collection of garbage makes it slower; its own work is there in every round.
        while (rounds.length < ROUNDS && !(rounds.length > 2 && Math.min(...rounds) < YARDSTICKS)) {
          await told();
          await call();
          const { longestTurnMs, yardstickMs } = await told();
          rounds.push(longestTurnMs / yardstickMs);
        }
        if (process.env.SHOW_DELAYS) console.log(way, rounds.map((one) => one.toFixed(1)).join(' '));
        expect(Math.min(...rounds), way).to.be.below(YARDSTICKS);
      }
    } finally {
      await service.stop();
    }
  });
});
