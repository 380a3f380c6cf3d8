import { readFile } from 'node:fs/promises';
import { setFlagsFromString } from 'node:v8';
import type { PGliteOptions } from '@electric-sql/pglite';

/** Compiled WebAssembly, which threads can hand to each other. */
export type PostgresProgram = NonNullable<PGliteOptions['pgliteWasmModule']>;

/** The types of Node leave it out. */
declare const WebAssembly: { compile(bytes: Uint8Array): Promise<PostgresProgram> };

let kept: PostgresProgram | undefined;

/** PostgreSQL as WebAssembly, where this thread has it already: what V8 made of it for one database is there for the next. */
export function keptProgram(): PostgresProgram | undefined {
  return kept;
}

/** Keeps what another thread has compiled. */
export function keepProgram(program: PostgresProgram): void {
  kept ??= program;
}

/** Compiles it, on other threads than this one. */
export function compileProgram(): Promise<PostgresProgram> {
  return compile().catch((error: Error) => {
    throw new Error(`The program of the embedded database cannot be read: ${error.message}`, {
      cause: error,
    });
  });
}

/** After how much work of a function V8 optimizes it: what it is by itself from Node 24 on. */
const OPTIMIZE_AFTER = 13_000_000;
const FIRST_NODE_WITH_IT = 24;

async function compile(): Promise<PostgresProgram> {
  // Earlier ones begin after a seventh of that, and a start spends a third of its processor time on it.
  if (Number.parseInt(process.versions.node, 10) < FIRST_NODE_WITH_IT)
    setFlagsFromString(`--wasm-tiering-budget=${OPTIMIZE_AFTER}`);
  const file = new URL('./pglite.wasm', import.meta.resolve('@electric-sql/pglite'));
  return WebAssembly.compile(await readFile(file));
}
