import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const BUILT = join(dirname(fileURLToPath(import.meta.url)), '../../console');
const MOST_BYTES = 250_000;

/** chunks.json, which Vite writes. */
type Chunks = Record<string, { file: string; isEntry?: boolean; imports?: string[] }>;

/** A chunk and all that it cannot be run without. */
function withImports(chunks: Chunks, name: string, found = new Set<string>()): Set<string> {
  if (found.has(name)) return found;
  found.add(name);
  for (const other of chunks[name]?.imports ?? []) withImports(chunks, other, found);
  return found;
}

describe('the first page of the console', () => {
  it('loads at most 250 kB of compressed scripts: the shell, one language, and the overview', () => {
    const chunks = JSON.parse(readFileSync(join(BUILT, 'chunks.json'), 'utf8')) as Chunks;
    const starts = Object.keys(chunks).filter(
      (name) => chunks[name]?.isEntry || /i18n\/es\.json$|overview\/overview\.tsx$/.test(name),
    );
    expect(starts).to.have.length(3);
    const loaded = new Set(starts.flatMap((name) => [...withImports(chunks, name)]));
    const bytes = [...loaded].map((name) => {
      const file = join(BUILT, chunks[name]?.file ?? '');
      // What is very small is not packed.
      return statSync(existsSync(`${file}.br`) ? `${file}.br` : file).size;
    });
    const sum = bytes.reduce((total, size) => total + size, 0);
    expect(sum).to.be.within(50_000, MOST_BYTES);
  });
});
