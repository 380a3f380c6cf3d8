import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { tempFolder } from '../support/temp-folder.js';

const LOG = new URL('../../src/observability/index.js', import.meta.url).href;

/** A process that does `work` with a `logger` once it is told to, and ends with 3. */
function logging(work: string, stdout: 'pipe' | number = 'pipe', format = 'json'): ChildProcess {
  const program = `
    import { createLogger } from ${JSON.stringify(LOG)};
    const logger = createLogger({ level: 'info', format: '${format}' });
    const log = (from, to, bytes) => {
      for (let n = from; n < to; n++) logger.info({ n, filler: 'x'.repeat(bytes) }, 'a line');
    };
    process.once('message', () => {
      ${work}
    });
    process.send('up');`;
  const args = ['--input-type=module', '-e', program];
  // One that hangs is not left behind.
  return spawn(process.execPath, args, {
    stdio: ['ignore', stdout, 'inherit', 'ipc'],
    timeout: 60_000,
    killSignal: 'SIGKILL',
  });
}

const END = "logger.fatal('the last'); process.exit(3);";

/** A pipe that holds 64 KiB, and that is read by whoever wants to. */
async function pipe(): Promise<{ reader: number; writer: number }> {
  const path = join(await tempFolder(), 'pipe');
  execFileSync('mkfifo', [path]);
  // Opened twice, since whether to wait is a setting of what was opened.
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  return { reader, writer: openSync(path, constants.O_WRONLY) };
}

/** What a pipe holds now. */
function read(fd: number): string {
  const bytes = Buffer.alloc(100_000);
  try {
    return bytes.toString('latin1', 0, readSync(fd, bytes));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return '';
    throw error;
  }
}

function linesOf(text: string): { n?: number; msg: string; lines?: number }[] {
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

describe('the log of a process', () => {
  for (const format of ['json', 'text']) {
    it(`as ${format} is written to its last line when the process ends`, async () => {
      const child = logging(`log(0, 1, 100_000); ${END}`, 'pipe', format);
      let text = '';
      child.stdout?.on('data', (piece) => {
        text += piece;
      });
      await once(child, 'message');
      child.send('go');
      const [code] = await once(child, 'close');
      expect(code).to.equal(3);
      expect(text.trim().split('\n')).to.have.length(2);
      expect(text).to.match(/a line.*\n.*the last/);
    });
  }

  it('does not keep a process from its end whose reader is gone', async () => {
    const child = logging(END);
    await once(child, 'message');
    child.stdout?.destroy();
    await once(child.stdout as NodeJS.ReadableStream, 'close');
    child.send('go');
    expect(await once(child, 'exit')).to.deep.equal([3, null]);
  });

  it('does not keep a process from its work and its end whose reader has stopped', async function () {
    if (process.platform === 'win32') this.skip();
    const { reader, writer } = await pipe();
    const child = logging(`log(0, 500, 1_000); setTimeout(() => { ${END} }, 200);`, writer);
    await once(child, 'message');
    child.send('go');
    expect(await once(child, 'exit')).to.deep.equal([3, null]);
    closeSync(reader);
    closeSync(writer);
  });

  it('comes whole and in order to a reader who is slow, also what is logged as the process ends', async function () {
    if (process.platform === 'win32') this.skip();
    const { reader, writer } = await pipe();
    const child = logging(
      `log(0, 1_000, 1_000); setTimeout(() => { log(1_000, 1_500, 1_000); ${END} }, 200);`,
      writer,
    );
    const exit = once(child, 'exit');
    await once(child, 'message');
    child.send('go');
    let isOver = false;
    void exit.then(() => {
      isOver = true;
    });
    let text = '';
    while (!isOver) {
      text += read(reader);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await exit).to.deep.equal([3, null]);
    text += read(reader);
    const lines = linesOf(text);
    expect(lines.slice(0, -1).map(({ n }) => n)).to.deep.equal(Array.from({ length: 1_500 }, (_, n) => n));
    expect(lines.at(-1)?.msg).to.equal('the last');
    closeSync(reader);
    closeSync(writer);
  });

  it('tells how many lines were lost, once somebody reads again', async function () {
    if (process.platform === 'win32') this.skip();
    const { reader, writer } = await pipe();
    const child = logging(
      'log(0, 20, 1_000_000); process.send("full"); process.once("message", () => process.exit(3));',
      writer,
    );
    const exit = once(child, 'exit');
    await once(child, 'message');
    child.send('go');
    await once(child, 'message');
    let text = '';
    while (child.exitCode === null && !/were lost.*\n$/.test(text.slice(-200))) {
      text += read(reader);
      await new Promise((resolve) => setImmediate(resolve));
    }
    child.send('end');
    expect(await exit).to.deep.equal([3, null]);
    const lines = linesOf(text);
    const kept = lines.filter(({ n }) => n !== undefined).map(({ n }) => n);
    expect(kept).to.deep.equal(kept.map((_, n) => n)).and.not.be.empty;
    expect(lines.at(-1)).to.include({ lines: 20 - kept.length });
    closeSync(reader);
    closeSync(writer);
  });

  it('does not keep a process from its end whose disk is full', async function () {
    if (process.platform !== 'linux') this.skip();
    const child = logging(END, openSync('/dev/full', 'w'));
    await once(child, 'message');
    child.send('go');
    expect(await once(child, 'exit')).to.deep.equal([3, null]);
  });
});
