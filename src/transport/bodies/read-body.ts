import { type BodyBounds, tooLarge } from './bounds.js';
import type { HeldBytes } from './unfinished-bytes.js';

export interface Reading {
  bounds: BodyBounds;
  held: HeldBytes;
}

/**
 * A body until its end. `look` sees each piece as it comes; what it throws ends the reading. Throws
 * `resource_exhausted` for more bytes than a message may have.
 */
export async function readWhole(
  pieces: AsyncIterable<Uint8Array>,
  { bounds, held }: Reading,
  look?: (piece: Uint8Array) => void,
): Promise<Buffer> {
  const kept: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const piece of pieces) {
      size += piece.length;
      if (size > bounds.bytes) throw tooLarge(bounds.bytes);
      held.add(piece.length);
      look?.(piece);
      kept.push(piece);
    }
    return Buffer.concat(kept);
  } finally {
    held.release();
  }
}
