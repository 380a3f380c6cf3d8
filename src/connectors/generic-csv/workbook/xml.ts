/// <reference path="./saxen.d.ts" />
import { TextDecoder } from 'node:util';
import { Parser } from 'saxen';
import { damaged, noList, type Parts } from './parts.js';

/** What is told of a document. Names are without their prefixes, which each writer chooses for itself. */
export interface XmlReader {
  open?(name: string, attribute: (name: string) => string | undefined): void;
  close?(name: string): void;
  text?(text: string): void;
}

/** A tag or a text may be so long: a longer one would be gathered in memory before anybody sees it. */
const MOST_TOKEN = 1024 * 1024;
/** Bytes at a time: few cells of shared texts stand in them, however long those are. */
const PIECE = 8 * 1024;

/**
 * Reads a part of a workbook from the beginning to the end, and yields after each piece, so that what the
 * reader has gathered can be taken away. Entities of a DTD are not expanded.
 */
export async function* streamXml(parts: Parts, name: string, reader: XmlReader): AsyncGenerator<void> {
  const failures: unknown[] = [];
  let waiting = 0;
  /** What a reader throws must come out of here, whatever the parser does with it. */
  const told = (tell: () => void) => {
    waiting = 0;
    if (failures.length > 0) return;
    try {
      tell();
    } catch (error) {
      failures.push(error);
    }
  };
  const parser = new Parser()
    .on('error', (error) => failures.push(error))
    .on('warn', () => {})
    .on('openTag', (tag, attributes, decode) =>
      told(() => reader.open?.(local(tag), (wanted) => findAttribute(attributes(), wanted, decode))),
    )
    .on('closeTag', (tag) => told(() => reader.close?.(local(tag))))
    .on('text', (text, decode) => told(() => reader.text?.(decode(text))))
    .on('cdata', (text) => told(() => reader.text?.(text)));
  const check = () => {
    if (failures.length > 0) throw damaged(parts.file, failures[0]);
  };
  let decoder: TextDecoder | undefined;
  for await (const chunk of parts.read(name)) {
    decoder ??= new TextDecoder(isUtf16(chunk) ? 'utf-16le' : 'utf-8');
    for (let at = 0; at < chunk.length; at += PIECE) {
      const piece = chunk.subarray(at, at + PIECE);
      waiting += piece.length;
      parser.write(decoder.decode(piece, { stream: true }));
      check();
      if (waiting > MOST_TOKEN) throw noList(parts.file, `${name} has a text of more than 1 MiB`);
      yield;
    }
  }
  parser.end();
  check();
  yield;
}

/** The same, at once. */
export async function readXml(parts: Parts, name: string, reader: XmlReader): Promise<void> {
  for await (const _ of streamXml(parts, name, reader));
}

function local(name: string): string {
  return name.slice(name.indexOf(':') + 1);
}

function findAttribute(
  attributes: Record<string, string>,
  wanted: string,
  decode: (text: string) => string,
): string | undefined {
  const plain = attributes[wanted];
  if (plain !== undefined) return decode(plain);
  const name = Object.keys(attributes).find((key) => key.endsWith(`:${wanted}`) && !key.startsWith('xmlns:'));
  return name && decode(attributes[name] as string);
}

function isUtf16(start: Buffer): boolean {
  return start[0] === 0xff && start[1] === 0xfe;
}
