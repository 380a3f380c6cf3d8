import type { IncomingMessage } from 'node:http';
import { expect } from 'chai';
import { eachOf, readWhole } from '../../src/transport/bodies/index.js';
import { createReadings } from '../../src/transport/reading.js';

const MIB = 1024 * 1024;
const requestOn = (socket: object) => ({ socket }) as IncomingMessage;

async function* inPieces(count: number, piece: Buffer) {
  for (let i = 0; i < count; i++) yield piece;
}

async function reasonOf(work: () => unknown): Promise<string | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    return (error as { reason?: string }).reason;
  }
}

describe('what unfinished bodies hold in memory', () => {
  it('is counted by their pieces too: a body that comes byte by byte is refused before it fills the memory', async () => {
    const reading = createReadings(4 * MIB)(requestOn({}), 'caller');
    const slow = inPieces(MIB, Buffer.alloc(1));
    expect(await reasonOf(() => readWhole(eachOf(slow), reading))).to.equal('TOO_MANY_UNFINISHED_BODIES');
  });

  it('always has room for one body of the largest size', async () => {
    for (const most of [4 * MIB, 64 * MIB]) {
      const reading = createReadings(most)(requestOn({}), 'caller');
      const whole = await readWhole(eachOf(inPieces(most / 16_384, Buffer.alloc(16_384))), reading);
      expect(whole.length).to.equal(most);
    }
  });

  it('is counted apart of callers without a token: they leave the others their room', async () => {
    const readingOf = createReadings(4 * MIB);
    let held = 0;
    const fill = () => {
      for (; held < 1_000 * MIB; held += MIB) readingOf(requestOn({}), 'open').held.add(MIB);
    };
    expect(await reasonOf(fill)).to.equal('TOO_MANY_UNFINISHED_BODIES');
    expect(await reasonOf(() => readingOf(requestOn({}), 'caller').held.add(4 * MIB))).to.equal(undefined);
  });
});
