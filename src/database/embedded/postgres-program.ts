import { readFile } from 'node:fs/promises';
import type { PGliteOptions } from '@electric-sql/pglite';

/** Compiled WebAssembly, which threads can hand to each other. */
export type PostgresProgram = NonNullable<PGliteOptions['pgliteWasmModule']>;

/** The types of Node leave it out. */
declare const WebAssembly: { compile(bytes: Uint8Array): Promise<PostgresProgram> };

let program: Promise<PostgresProgram> | undefined;

/**
 * PostgreSQL as WebAssembly, compiled once for all databases of this process, on other threads than this one. What V8
 * makes of it while one database works is there for the next.
 */
export function postgresProgram(): Promise<PostgresProgram> {
  program ??= compile().catch((error: Error) => {
    program = undefined;
    throw new Error(`The program of the embedded database cannot be read: ${error.message}`, {
      cause: error,
    });
  });
  return program;
}

async function compile(): Promise<PostgresProgram> {
  const file = new URL('./pglite.wasm', import.meta.resolve('@electric-sql/pglite'));
  return WebAssembly.compile(await readFile(file));
}
