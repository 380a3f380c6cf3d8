import type { RecordTable } from '../../connectors/index.js';

/** What stands for a character that an encoding lacks. */
const LACKING = 0x3f;

let windows1252: ReadonlyMap<string, number> | undefined;

/** Text as bytes in the encoding that it was read in. Characters that Windows-1252 lacks become `?`. */
export function encodeText(text: string, encoding: RecordTable['encoding']): Buffer {
  switch (encoding) {
    case 'utf-8':
      return Buffer.from(text);
    case 'utf-16le':
      return Buffer.from(text, 'utf16le');
    case 'utf-16be':
      return Buffer.from(text, 'utf16le').swap16();
    case 'windows-1252': {
      windows1252 ??= bytesByCharacter(encoding);
      const bytes: number[] = [];
      for (const character of text) bytes.push(windows1252.get(character) ?? LACKING);
      return Buffer.from(bytes);
    }
  }
}

/**
 * The decoder turned round: each of the 256 bytes is a character of its own, so that nothing is lost on the
 * way back.
 */
function bytesByCharacter(encoding: string): Map<string, number> {
  const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  // As a stream, as files are read: what comes in one piece Node 20 decodes as Latin-1.
  const characters = new TextDecoder(encoding).decode(bytes, { stream: true });
  return new Map([...characters].map((character, byte) => [character, byte]));
}
