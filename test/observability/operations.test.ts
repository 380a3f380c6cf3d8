import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { expect } from 'chai';
import { type Ended, Operation } from '../../src/observability/operations.js';

/** One that nobody else listens to. */
function operation() {
  return new Operation<{ name: string; told?: string }>(`test-${randomUUID()}`);
}

describe('an operation', () => {
  it('is done as if nothing were there when nobody listens', async () => {
    const work = operation();
    expect(work.isObserved).to.equal(false);
    expect(await work.observe({ name: 'a' }, async () => 7)).to.equal(7);
  });

  it('is told of once at its end, with the facts that were added, how long it took and what it threw', async () => {
    const work = operation();
    const ends: Ended<{ name: string; told?: string }>[] = [];
    const stop = work.onEnd((ended) => ends.push(ended));
    const facts: { name: string; told?: string } = { name: 'a' };
    await work.observe(facts, async () => {
      facts.told = 'yes';
    });
    const fault = new Error('no');
    const failed = work.observe({ name: 'b' }, () => Promise.reject(fault));
    expect(await failed.catch((error: unknown) => error)).to.equal(fault);
    stop();
    await work.observe({ name: 'c' }, async () => {});
    expect(ends.map(({ facts: { name }, error }) => [name, error])).to.deep.equal([
      ['a', undefined],
      ['b', fault],
    ]);
    expect(ends[0]?.facts.told).to.equal('yes');
    expect(ends[0]?.ms).to.be.a('number').and.at.least(0);
  });

  it('gives what belongs to it to all its work, and to none beside it', async () => {
    const work = operation();
    const store = new AsyncLocalStorage<string>();
    work.onWork(store, ({ name }) => name);
    const seen = await work.observe({ name: 'outer' }, async () => {
      await Promise.resolve();
      const inner = await work.observe({ name: 'inner' }, async () => store.getStore());
      return [inner, store.getStore()];
    });
    expect([...seen, store.getStore()]).to.deep.equal(['inner', 'outer', undefined]);
  });

  it('goes on when whoever listens has a fault', async () => {
    const work = operation();
    work.onEnd(() => {
      throw new Error('a fault of metrics');
    });
    work.onWork(new AsyncLocalStorage(), () => {
      throw new Error('a fault of traces');
    });
    const warned = once(process, 'warning');
    expect(await work.observe({ name: 'a' }, async () => 7)).to.equal(7);
    expect((await warned)[0]).to.have.property('message', 'a fault of traces');
  });
});
