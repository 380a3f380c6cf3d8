import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { expect } from 'chai';

const LOG = new URL('../../src/observability/index.js', import.meta.url).href;

/** A process that logs so many bytes at so many levels and ends with 3, once it is told to. */
function logging(bytes: number, stdout: 'pipe' | number = 'pipe', format = 'json'): ChildProcess {
  const program = `
    import { createLogger } from ${JSON.stringify(LOG)};
    const logger = createLogger({ level: 'info', format: '${format}' });
    process.send('up');
    process.once('message', () => {
      logger.info({ filler: 'x'.repeat(${bytes}) }, 'first');
      logger.fatal('last');
      process.exit(3);
    });`;
  const args = ['--input-type=module', '-e', program];
  // One that hangs is not left behind.
  return spawn(process.execPath, args, {
    stdio: ['ignore', stdout, 'inherit', 'ipc'],
    timeout: 60_000,
    killSignal: 'SIGKILL',
  });
}

describe('the log of a process', () => {
  for (const format of ['json', 'text']) {
    it(`as ${format} is written to its last line when the process ends`, async () => {
      const child = logging(100_000, 'pipe', format);
      let text = '';
      child.stdout?.on('data', (piece) => {
        text += piece;
      });
      await once(child, 'message');
      child.send('go');
      const [code] = await once(child, 'close');
      expect(code).to.equal(3);
      expect(text.trim().split('\n')).to.have.length(2);
      expect(text).to.match(/first.*\n.*last/);
    });
  }

  it('does not keep a process from its end whose reader is gone', async () => {
    const child = logging(1);
    await once(child, 'message');
    child.stdout?.destroy();
    await once(child.stdout as NodeJS.ReadableStream, 'close');
    child.send('go');
    expect(await once(child, 'exit')).to.deep.equal([3, null]);
  });

  it('does not keep a process from its end whose disk is full', async function () {
    if (process.platform !== 'linux') this.skip();
    const child = logging(1, openSync('/dev/full', 'w'));
    await once(child, 'message');
    child.send('go');
    expect(await once(child, 'exit')).to.deep.equal([3, null]);
  });
});
