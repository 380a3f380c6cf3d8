import { constants, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { Timeouts } from './timeouts.js';

/** Streams that one connection may have open at once. */
export const MOST_STREAMS = 100;
/** Streams that a connection may break off at once, and how many more each second. */
const MOST_RESETS = 200;
const RESETS_PER_SECOND = 20;

/**
 * The HTTP/2 connections of a server: each has the time-outs of HTTP/1.1, and may break off so many streams
 * and no more.
 */
export class Http2Sessions {
  /** Each with what ends it at once. */
  readonly #open = new Map<ServerHttp2Session, { hasStreams: () => boolean; kill: () => void }>();

  constructor(
    private readonly server: Http2Server,
    private readonly timeouts: Timeouts,
  ) {}

  /** Begins a connection of a socket that nobody has read from. */
  take(socket: Socket): void {
    // Emitted at once, and the only way to know the two together.
    this.server.once('session', (session) => this.#watch(session, socket));
    this.server.emit('connection', socket);
  }

  /** Lets what is under way finish, and takes nothing more. */
  close(): void {
    for (const [session, { hasStreams, kill }] of this.#open) {
      if (hasStreams()) session.close();
      else kill();
    }
  }

  destroy(): void {
    for (const session of this.#open.keys()) session.destroy();
  }

  #watch(session: ServerHttp2Session, socket: Socket): void {
    const { headersMs, requestMs, idleMs, pingMs } = this.timeouts;
    let streams = 0;
    const kill = (code: number = constants.NGHTTP2_NO_ERROR) => {
      if (session.destroyed) return;
      // A code in the place of an error is what the last GOAWAY says.
      session.destroy(code as never);
      // Ending a session only ends this side of its socket.
      socket.destroySoon();
    };
    this.#open.set(session, { hasStreams: () => streams > 0, kill });
    session.once('close', () => this.#open.delete(session));
    session.on('error', () => socket.destroySoon());
    session.setTimeout(idleMs, () => (streams === 0 ? kill() : session.close()));
    // A preface alone is no client, and one who asks nothing needs no connection.
    within(headersMs, () => kill(), [session, 'remoteSettings']);
    within(requestMs, () => kill(), [session, 'stream']);
    // A client who is gone does not say so: its streams would be held for as long as it is silent.
    pingWhile(session, pingMs, () => streams > 0, kill);
    const resets = new Resets();
    session.on('stream', (stream: ServerHttp2Stream) => {
      streams += 1;
      stream.once('close', () => {
        streams -= 1;
        if (stream.rstCode !== constants.NGHTTP2_NO_ERROR && !resets.mayBeOneMore())
          kill(constants.NGHTTP2_ENHANCE_YOUR_CALM);
      });
      if (!stream.endAfterHeaders) within(requestMs, () => cut(stream), [stream, 'end']);
    });
  }
}

/** Pings that a client may leave without an answer. */
const MOST_MISSED = 2;

/** Asks a client from time to time whether it is there, and calls `onGone` when it no longer answers. */
function pingWhile(
  session: ServerHttp2Session,
  everyMs: number,
  isNeeded: () => boolean,
  onGone: () => void,
): void {
  let missed = 0;
  const timer = setInterval(() => {
    if (session.destroyed || !isNeeded()) return;
    if (missed >= MOST_MISSED) return onGone();
    missed += 1;
    session.ping((error) => {
      if (!error) missed = 0;
    });
  }, everyMs).unref();
  session.once('close', () => clearInterval(timer));
}

/** Ends a request whose body does not come to its end. */
function cut(stream: ServerHttp2Stream): void {
  if (stream.destroyed) return;
  if (!stream.headersSent) stream.respond({ ':status': 408 }, { endStream: true });
  stream.close(constants.NGHTTP2_CANCEL);
}

/** Does `work` unless something happens within so many milliseconds. */
function within(
  ms: number,
  work: () => void,
  [emitter, event]: [NodeJS.EventEmitter, 'remoteSettings' | 'stream' | 'end'],
): void {
  const timer = setTimeout(work, ms).unref();
  const stop = () => clearTimeout(timer);
  emitter.once(event, stop);
  emitter.once('close', stop);
}

/** Counts what a connection breaks off: each costs as much as an answer, and the caller nothing. */
class Resets {
  #left = MOST_RESETS;
  #at = performance.now();

  /** Whether the connection may go on after this one. */
  mayBeOneMore(): boolean {
    const now = performance.now();
    this.#left = Math.min(MOST_RESETS, this.#left + ((now - this.#at) / 1_000) * RESETS_PER_SECOND);
    this.#at = now;
    this.#left -= 1;
    return this.#left >= 0;
  }
}
