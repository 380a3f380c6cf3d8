import { writeSync } from 'node:fs';

const STDOUT = 1;
/** Lines are written together, so many characters or milliseconds of them. */
const TOGETHER = 4_096;
const TOGETHER_MS = 100;
/** How much is written at once of what has piled up: what a pipe holds. In characters. */
const MOST_AT_ONCE = 65_536;
/** How much is kept for a reader who is slow, in characters; what comes after that is lost. */
const MOST_KEPT = 16 * 1_024 * 1_024;
/** How often it is tried again to write what he had no room for, and how long the end of the process waits for him. */
const AGAIN_MS = 10;
const PATIENCE_MS = 3_000;
/** Nobody reads, and nobody will. Of whatever else goes wrong, as of a full disk, it is tried again. */
const NOBODY = new Set(['EPIPE', 'ECONNRESET', 'ENXIO', 'EBADF']);

/** Where pino writes to. */
export interface LogOutput {
  write(line: string): void;
  /** Writes what there is, as far as it can be written at once. */
  flush(done?: () => void): void;
  /** Writes what there is, and waits for a reader who is slow, but not for long. */
  flushSync(): void;
}

let output: StandardOutput | undefined;

/**
 * Standard output, for the log. Nobody waits for whoever reads it, nor is it a failure when nobody does, or its disk is
 * full. What is left is written when the process ends, unless it is killed. `lost`: told how many lines were lost, once
 * he reads again.
 */
export function logOutput(lost: (lines: number) => void): LogOutput {
  output ??= new StandardOutput();
  output.lost = lost;
  return output;
}

/**
 * What pino brings for this, `sonic-boom`, writes on another thread: lines that are written as the process ends come
 * before those under way there, and it waits for a reader who has stopped, or is gone, for ever.
 */
class StandardOutput implements LogOutput {
  lost: (lines: number) => void = () => {};
  #lines: string[] = [];
  /** Characters of `#lines`, and what is being written of the lines before. */
  #length = 0;
  #rest: Buffer = Buffer.alloc(0);
  #lostLines = 0;
  #timer: NodeJS.Timeout | undefined;
  #patienceEnds: number | undefined;
  #isGone = false;

  constructor() {
    // Node lets no write to a pipe wait from then on, until it ends: each would stop the process with its reader.
    void process.stdout;
    process.once('exit', () => this.flushSync());
  }

  write(line: string): void {
    if (this.#isGone) return;
    if (this.#length + this.#rest.length + line.length > MOST_KEPT) {
      this.#lostLines += 1;
      return;
    }
    this.#lines.push(line);
    this.#length += line.length;
    // Whoever has no room yet is not asked by each line.
    if (this.#length >= TOGETHER && this.#rest.length === 0) this.#pour();
    else this.#pourLater(TOGETHER_MS);
  }

  flush(done?: () => void): void {
    this.#pour();
    done?.();
  }

  flushSync(): void {
    this.#patienceEnds ??= performance.now() + PATIENCE_MS;
    while (this.#pour() === 'EAGAIN' && performance.now() < this.#patienceEnds) pause(AGAIN_MS);
  }

  /** Writes until nothing is left, or why it cannot. */
  #pour(): string | undefined {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    while (this.#takeNext()) {
      try {
        this.#rest = this.#rest.subarray(writeSync(STDOUT, this.#rest));
      } catch (error) {
        const { code = '' } = error as NodeJS.ErrnoException;
        if (NOBODY.has(code)) this.#giveUp();
        else this.#pourLater(code === 'EAGAIN' ? AGAIN_MS : TOGETHER_MS);
        return code;
      }
    }
    this.#patienceEnds = undefined;
    return undefined;
  }

  /** Whether there is anything to write. */
  #takeNext(): boolean {
    if (this.#rest.length > 0) return true;
    if (this.#lines.length === 0) this.#tellLost();
    let end = 0;
    for (let length = 0; end < this.#lines.length && length < MOST_AT_ONCE; end++)
      length += this.#lines[end]?.length ?? 0;
    const text = this.#lines.splice(0, end).join('');
    this.#length -= text.length;
    this.#rest = Buffer.from(text);
    return text !== '';
  }

  #pourLater(ms: number): void {
    this.#timer ??= setTimeout(() => this.#pour(), ms).unref();
  }

  #tellLost(): void {
    const lines = this.#lostLines;
    this.#lostLines = 0;
    if (lines > 0) this.lost(lines);
  }

  /** Nobody reads any more. */
  #giveUp(): void {
    this.#isGone = true;
    this.#lines = [];
    this.#length = 0;
    this.#rest = Buffer.alloc(0);
  }
}

/** Stops this thread, so that nothing else happens meanwhile. */
function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
