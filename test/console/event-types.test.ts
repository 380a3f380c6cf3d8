import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { packageRoot } from '../../examples/package-root.js';
import { EVENT_TYPES } from '../../src/events/index.js';
import { messagesIn } from '../support/console/messages.js';

describe('the events that the console knows', () => {
  it('are those that the service tells of, in its order, each with a name in every language', () => {
    const source = readFileSync(join(packageRoot, 'console/src/ui/event-name.ts'), 'utf8');
    const [, list] = /export const EVENT_TYPES = \[([^\]]*)\]/.exec(source) ?? [];
    const known = [...(list ?? '').matchAll(/'([^']+)'/g)].map(([, type]) => type);
    expect(known).to.deep.equal([...EVENT_TYPES]);
    for (const language of ['en', 'es'] as const)
      for (const type of EVENT_TYPES) expect(messagesIn(language)(`events.type.${type}`)).to.match(/\w/);
  });
});
