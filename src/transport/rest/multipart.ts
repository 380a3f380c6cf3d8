import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Busboy, type BusboyConfig, type BusboyInstance } from '@fastify/busboy';
import { invalidFields } from '../../errors.js';
import { malformed, piecesOf } from '../bodies/index.js';

/** The file of a form, which is read while it comes. */
export interface FormFile {
  fileName: string;
  pieces: AsyncIterable<Uint8Array>;
}

const LIMITS = { files: 2, fields: 20, fieldSize: 1_024, headerPairs: 20 };

/**
 * Reads a form (multipart/form-data) that has one file and nothing else. Its pieces throw `invalid_argument`
 * when the form is cut off, or has more than that.
 */
export async function readFormFile(request: IncomingMessage): Promise<FormFile> {
  const form = formOf(request.headers);
  let file: Readable | undefined;
  let failure: Error | undefined;
  const fail = (error: Error) => {
    failure ??= error;
    file?.destroy(failure);
    form.destroy();
  };
  const whole = new Promise<FormFile | undefined>((resolve) => {
    form.on('file', (_, stream, fileName) => {
      // A stream that nobody reads keeps the form from its end, and an error of it must not end the process.
      stream.on('error', () => {});
      if (file || !fileName) {
        stream.resume();
        fail(malformed(file ? 'has more than one file' : 'has a file without a name'));
        return;
      }
      file = stream;
      resolve({ fileName, pieces: piecesOfFile(stream) });
    });
    form.on('field', (name) => fail(unknown(name)));
    form.on('close', () => resolve(undefined));
    form.on('finish', () => resolve(undefined));
  });
  const ended = pipeline(Readable.from(piecesOf(request), { objectMode: true }), form).catch(
    (error: unknown) => fail(malformedForm(error)),
  );

  async function* piecesOfFile(stream: Readable): AsyncGenerator<Uint8Array> {
    try {
      for await (const piece of stream) yield piece as Uint8Array;
      // What comes behind the file belongs to the judgement of the form.
      await ended;
    } finally {
      form.destroy();
    }
    if (failure) throw failure;
  }

  const found = await whole;
  if (found && !failure) return found;
  await ended;
  throw failure ?? malformed('has no file; send it as a part with a file name');
}

function formOf(headers: IncomingHttpHeaders): BusboyInstance {
  try {
    return new Busboy({ headers: headers as BusboyConfig['headers'], limits: LIMITS });
  } catch {
    const type = headers['content-type'] ?? '';
    throw invalidFields(
      [{ field: 'Content-Type', description: `"${type}" is not taken; send multipart/form-data` }],
      'UNSUPPORTED_MEDIA_TYPE',
    );
  }
}

function unknown(name: string): Error {
  return invalidFields(
    [{ field: name, description: 'is not a file; what is to be said besides goes into the query' }],
    'UNKNOWN_PARAMETER',
  );
}

/** A caller who has left is told nothing; what a form lacks is his to mend. */
function malformedForm(error: unknown): Error {
  const isOurs = error instanceof Error && (error as NodeJS.ErrnoException).code === undefined;
  return isOurs && error.name === 'Error'
    ? malformed(`is no form that can be read: ${error.message}`)
    : (error as Error);
}
