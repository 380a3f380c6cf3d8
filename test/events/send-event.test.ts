import { getEventListeners } from 'node:events';
import { mock } from 'node:test';
import { expect } from 'chai';
import { sendEvent } from '../../src/events/send-event.js';
import { createAddressGuard, createGuardedAgents } from '../../src/outbound/index.js';

describe('an attempt at an event', () => {
  it('leaves nothing behind in the signal that lives as long as the process', async () => {
    const agents = createGuardedAgents(createAddressGuard([]), { keepAlive: false });
    const { signal } = new AbortController();
    // What it makes of a signal, Node remembers in that signal; there is no other way to see it.
    const any = mock.method(AbortSignal, 'any');
    const message = { url: 'http://127.0.0.1:9/', id: 'x', body: '{}', secrets: [] };
    try {
      for (let nth = 0; nth < 5; nth++)
        expect(await sendEvent(message, { agents, timeoutMs: 1_000, signal })).to.include({
          kind: 'refused',
        });
      expect(any.mock.callCount()).to.equal(0);
    } finally {
      any.mock.restore();
    }
    expect(getEventListeners(signal, 'abort')).to.deep.equal([]);
  });
});
