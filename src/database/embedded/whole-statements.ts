import type { PGLiteSocketServer } from '@electric-sql/pglite-socket';

/** The first bytes of the messages that a statement with parameters begins with: Parse, Bind, Describe, Execute, Close. */
const LEADING = bytesOf('PBDEC');
/** How the last message of an answer begins, ReadyForQuery: its length of 5, and one byte more, the state. */
const READY = Buffer.from('Z\0\0\0\x05');
/** How many bytes of an answer are gathered before they go out. */
const MOST_GATHERED = 64 * 1_024;

type Send = (piece: Uint8Array) => void;

/** What a server lets the messages of its clients wait in; it keeps it to itself. */
interface MessageQueue {
  enqueue(client: number, message: Uint8Array, send: Send): Promise<number>;
  /** Called when a client has left. */
  clearQueueForHandler(client: number): void;
}

/**
 * Has a server take statements whole. By itself it takes each message alone, of which a statement with parameters is
 * five, the last a Sync: the messages of two clients mix, and four of the five turns are for nothing. With this they are
 * done together once the last is there, and the answers go out in one piece, which halves what a small statement costs.
 */
export function takeWholeStatements(server: PGLiteSocketServer): void {
  // A name of its own for what the library calls private; its version is pinned, and tests hold what it does.
  const queue = (server as unknown as { queryQueue: MessageQueue }).queryQueue;
  const leading = new Map<number, Uint8Array[]>();
  const enqueue = queue.enqueue.bind(queue);
  const clear = queue.clearQueueForHandler.bind(queue);

  queue.enqueue = async (client, message, send) => {
    const [kind = 0] = message;
    const waiting = leading.get(client) ?? [];
    if (LEADING.has(kind)) {
      waiting.push(message);
      leading.set(client, waiting);
      return 0;
    }
    leading.delete(client);
    const answer = new Gathered(send);
    try {
      const whole = waiting.length > 0 ? Buffer.concat([...waiting, message]) : message;
      return await enqueue(client, whole, (piece) => answer.add(piece));
    } finally {
      answer.end();
    }
  };
  queue.clearQueueForHandler = (client) => {
    leading.delete(client);
    clear(client);
  };
}

function isReady(piece: Uint8Array): boolean {
  return READY.equals(piece.subarray(-READY.length - 1, -1));
}

function bytesOf(letters: string): ReadonlySet<number> {
  return new Set(Buffer.from(letters));
}

/** Copies of the pieces of an answer, which are views of memory that changes, sent on as a few larger ones. */
class Gathered {
  #pieces: Buffer[] = [];
  #bytes = 0;

  constructor(private readonly send: Send) {}

  add(piece: Uint8Array): void {
    this.#pieces.push(Buffer.from(piece));
    this.#bytes += piece.length;
    // The end of an answer does not wait until the queue has begun with the next client's statement.
    if (this.#bytes >= MOST_GATHERED || isReady(piece)) this.end();
  }

  end(): void {
    if (this.#bytes === 0) return;
    const [first] = this.#pieces;
    this.send(first?.length === this.#bytes ? first : Buffer.concat(this.#pieces));
    this.#pieces = [];
    this.#bytes = 0;
  }
}
