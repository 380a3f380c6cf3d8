import { expect } from 'chai';
import sinon from 'sinon';
import { showLife, table } from '../../examples/demo/terminal.js';

describe('the terminal of the demo', () => {
  afterEach(() => sinon.restore());

  it('shows a sign of life within two seconds of silence, and none beside other words', () => {
    const clock = sinon.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
    const written: string[] = [];
    const output = { write: (text: string) => written.push(text) > 0 } as unknown as NodeJS.WriteStream;
    const end = showLife(output);
    clock.tick(2_000);
    expect(written).to.have.length(1);
    expect(written[0]).to.match(/^ {2}… starting \(\d s\)\n$/);
    for (let n = 0; n < 10; n++) {
      output.write('word');
      clock.tick(1_000);
    }
    expect(written.filter((text) => text.includes('…'))).to.have.length(1);
    clock.tick(10_000);
    expect(written.filter((text) => text.includes('…')).length).to.be.within(5, 8);
    end();
    const { length } = written;
    clock.tick(10_000);
    expect(written).to.have.length(length);
  });

  it('has tables that fit 80 columns, and refuses wider ones', () => {
    const counts = {
      read: 1_200,
      created: 1_196,
      updated: 0,
      unchanged: 0,
      failed: 4,
      warnings: 5,
      missing: 0,
    };
    const text = table([
      ['COURSE', { ...counts, members: 0 }],
      ['TEACHER', { ...counts, members: 1_195 }],
    ]);
    expect(text.split('\n')).to.have.length(3);
    for (const line of text.split('\n')) expect(line.length).to.be.at.most(80);
    expect(text.split('\n')[2]).to.match(/^ {2}TEACHER +1200 +1196 .* 1195$/);
    expect(() => table([['X', { ['y'.repeat(90)]: 1 }]])).to.throw(/wide/);
  });
});
