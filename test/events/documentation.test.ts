import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import { cloudEventOf } from '../../src/events/cloud-event.js';
import { EVENT_TYPES } from '../../src/events/index.js';
import { eventfulSchool } from '../support/eventful-school.js';

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** What a value is, without what it says: names and kinds. A list is what its first entry is. */
function shapeOf(value: Json): unknown {
  if (value === null) return 'null';
  if (Array.isArray(value)) return value.slice(0, 1).map(shapeOf);
  if (typeof value !== 'object') return typeof value;
  return Object.fromEntries(
    Object.entries(value)
      .sort()
      .map(([name, item]) => [name, shapeOf(item)]),
  );
}

/** Type -> the body that docs/events.md shows of it. */
async function examples(): Promise<Map<string, { [name: string]: Json }>> {
  const text = await readFile('docs/events.md', 'utf8');
  const found = text.matchAll(/^### `([a-z.]+)`\n[\s\S]*?^```json\n([\s\S]*?)^```/gm);
  return new Map([...found].map(([, type, body]) => [type as string, JSON.parse(body as string)]));
}

describe('docs/events.md', () => {
  it('has an example of every type of event, of the form that real ones have', async () => {
    const documented = await examples();
    const school = await eventfulSchool();
    await school.firstSync();
    await school.held();
    await school.failed();
    await school.students(20);
    await school.sync();
    await school.deliver();
    await school.deliverNowhere();
    const real = await school.everything(() => school.conflict());
    for (const type of EVENT_TYPES) {
      const event = real.find((one) => one.type === type);
      const example = documented.get(type);
      if (!event || !example) throw new Error(`${type}: ${event ? 'has no example' : 'did not happen'}`);
      expect(example.type).to.equal(type);
      expect(shapeOf(example), type).to.deep.equal(shapeOf(JSON.parse(cloudEventOf(event))));
    }
    expect([...documented.keys()]).to.have.members([...EVENT_TYPES, 'subscription.test']);
  });
});
