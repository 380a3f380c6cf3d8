import { getEventListeners } from 'node:events';
import { expect } from 'chai';
import { sendEvent } from '../../src/events/send-event.js';
import { createAddressGuard, createGuardedAgents } from '../../src/outbound/index.js';

/** Signals made of this one that Node remembers, dead ones among them. */
function dependants(signal: AbortSignal): number {
  const key = Object.getOwnPropertySymbols(signal).find(
    ({ description }) => description === 'kDependantSignals',
  );
  if (!key) throw new Error('Node remembers them elsewhere by now');
  return (signal as unknown as Record<symbol, Set<unknown> | undefined>)[key]?.size ?? 0;
}

describe('an attempt at an event', () => {
  it('leaves nothing behind in the signal that lives as long as the process', async () => {
    const agents = createGuardedAgents(createAddressGuard([]), { keepAlive: false });
    const { signal } = new AbortController();
    // Makes Node remember one, to be sure where.
    const known = AbortSignal.any([signal, new AbortController().signal]);
    expect(dependants(signal)).to.equal(1);
    const message = { url: 'http://127.0.0.1:9/', id: 'x', body: '{}', secrets: [] };
    for (let nth = 0; nth < 5; nth++)
      expect(await sendEvent(message, { agents, timeoutMs: 1_000, signal })).to.include({ kind: 'refused' });
    expect(dependants(signal)).to.equal(1);
    expect(getEventListeners(signal, 'abort')).to.deep.equal([]);
    expect(known.aborted).to.equal(false);
  });
});
