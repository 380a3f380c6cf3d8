import { type BodyBounds, tooLarge } from './bounds.js';
import type { EachPiece } from './pieces.js';
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
  eachPiece: EachPiece,
  { bounds, held }: Reading,
  look?: (piece: Uint8Array) => void,
): Promise<Buffer> {
  const kept: Uint8Array[] = [];
  let size = 0;
  try {
    await eachPiece((piece) => {
      size += piece.length;
      if (size > bounds.bytes) throw tooLarge(bounds.bytes);
      held.add(piece.length);
      look?.(piece);
      kept.push(piece);
    });
    return joined(kept);
  } finally {
    held.release();
  }
}

export function joined(pieces: readonly Uint8Array[]): Buffer {
  const [first] = pieces;
  if (first === undefined || pieces.length > 1) return Buffer.concat(pieces);
  return Buffer.from(first.buffer, first.byteOffset, first.byteLength);
}
