import type { FingerprintedPage, Pages, RecordPage } from '../../../connectors/index.js';
import { throwOwnFault } from '../../../errors.js';
import { storableText } from '../../../values/index.js';

/** Thrown when the source failed while it was read: the school's side, or the connector, is at fault. */
export class SourceFailure extends Error {
  constructor(override readonly cause: unknown) {
    super(storableText(cause instanceof Error ? cause.message : String(cause)));
    this.name = 'SourceFailure';
  }
}

/**
 * Reads: pages as the connector yields them; bare arrays become pages. Its failures are told apart from ours,
 * and stop the run before anything is written.
 */
export async function* readPages<R>(pages: Pages<R>): AsyncGenerator<RecordPage<R> | FingerprintedPage<R>> {
  const iterator = pages[Symbol.asyncIterator]();
  try {
    while (true) {
      const next = await iterator.next().catch((cause: unknown) => {
        throwOwnFault(cause);
        throw new SourceFailure(cause);
      });
      if (next.done) return;
      yield isArray(next.value) ? { records: next.value } : next.value;
    }
  } finally {
    // When the reader of these pages stops early, the source closes what it holds open.
    await iterator.return?.();
  }
}

/**
 * Does `work` while the first page is being read. Returns what comes of it, and all pages; when it fails,
 * the source is closed.
 */
export async function readMeanwhile<P, W>(
  pages: AsyncGenerator<P>,
  work: () => Promise<W>,
): Promise<[W, AsyncGenerator<P>]> {
  const first = pages.next();
  // A source that fails is told of when its page is asked for.
  first.catch(() => {});
  try {
    return [await work(), beginningWith(first, pages)];
  } catch (error) {
    // Once its first page is there: nobody waits for that any more.
    pages.return(undefined).catch(() => {});
    throw error;
  }
}

async function* beginningWith<P>(
  first: Promise<IteratorResult<P>>,
  pages: AsyncGenerator<P>,
): AsyncGenerator<P> {
  try {
    for (let next = await first; !next.done; next = await pages.next()) yield next.value;
  } finally {
    await pages.return(undefined);
  }
}

function isArray<R>(value: RecordPage<R> | FingerprintedPage<R> | readonly R[]): value is readonly R[] {
  return Array.isArray(value);
}
