import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { openPage, signIn } from '../../support/console/browser.js';
import { messagesIn } from '../../support/console/messages.js';
import { requireBrowser } from '../../support/console/required-browser.js';
import { writeLargeSchool } from '../../support/console/world.js';
import { rest, startService } from '../../support/service.js';

const PEOPLE = 100_000;
/** Of the same list while it is short, after which as many rows change at each frame. */
const FEW = 1_000;
/** How many times as long as in the short list frames may take, at the median and nineteen of twenty. */
const MOST_TIMES = 3;
/** No frame is shorter, in milliseconds. */
const ONE_FRAME = 1_000 / 60;

interface Smoothness {
  median: number;
  nineteenOf20: number;
  rows: number;
}

/**
 * Shows other rows at each of 150 frames, and tells how that went. `place`: where frame n is, as an expression, from 0 to
 * 1 of what is loaded.
 */
function scrolled(page: Page, place: string): Promise<Smoothness> {
  return page.evaluate(`(async () => {
    const frame = () => new Promise(requestAnimationFrame);
    const times = [];
    let rows = 0;
    const far = document.documentElement.scrollHeight;
    for (let n = 0, before = await frame(); n < 150; n++) {
      window.scrollTo(0, (${place}) * far);
      const now = await frame();
      times.push(now - before);
      before = now;
      rows = Math.max(rows, document.querySelectorAll('main li').length);
    }
    times.sort((a, b) => a - b);
    return { median: times[times.length / 2], nineteenOf20: times[Math.floor((times.length * 19) / 20)], rows };
  })()`) as Promise<Smoothness>;
}

/** Goes to the end of what there is, page by page, until so many are in the list. */
async function load(page: Page, count: number): Promise<void> {
  await page.evaluate(`(async () => {
    const frame = () => new Promise(requestAnimationFrame);
    const last = () => Number([...document.querySelectorAll('main li')].at(-1)?.getAttribute('aria-posinset'));
    while (last() < ${count}) {
      window.scrollTo(0, document.documentElement.scrollHeight);
      await frame();
    }
  })()`);
}

describe('a list of 100,000 rows', () => {
  it('of changes, of ids and of people is scrolled through without jank, and draws only what is in view', async function () {
    requireBrowser(this);
    this.timeout(420_000);
    const service = await startService();
    const { page, faults, close } = await openPage({ viewport: { width: 1280, height: 900 } });
    try {
      await writeLargeSchool(service.files, 'grande', PEOPLE);
      const institutionId = randomUUID();
      const made = await rest(service.url, 'POST', '/integrations', {
        institutionId,
        provider: 'GENERIC_CSV',
        config: { importPath: 'grande' },
      });
      const { id } = made.body as { id: string };
      const synced = await rest(service.url, 'POST', `/integrations/${id}/sync`, { entityType: 'STUDENT' });
      const { runId } = synced.body as { runId: string };
      await signIn(page, service.url);
      const lists = {
        changes: `/console/integrations/${id}/runs/${runId}`,
        ids: `/console/integrations/${id}?tab=mappings`,
        people: `/console/people?institution=${institutionId}`,
      };
      for (const [name, path] of Object.entries(lists)) {
        await page.goto(service.url + path);
        await page.locator('main li[aria-posinset="1"]').waitFor();
        await load(page, FEW);
        // To and fro, and not to the end, where more would be loaded.
        const few = await scrolled(page, '(n % 2) / 2');
        await load(page, PEOPLE);
        const all = await scrolled(page, 'n / 150');
        expect(all.rows, name).to.be.within(5, 100);
        for (const share of ['median', 'nineteenOf20'] as const) {
          const most = MOST_TIMES * Math.max(few[share], ONE_FRAME);
          expect(all[share], `${name}: ${share} of frames, ${few[share]} ms in the short list`).to.be.below(
            most,
          );
        }
      }
      const t = messagesIn('en');
      await page.getByLabel(t('people.search')).fill('apellido 99999');
      await page.getByText('Apellido 99999', { exact: false }).first().waitFor();
      expect(await page.locator('main li').count()).to.equal(1);
      expect(faults).to.deep.equal([]);
    } finally {
      await close();
      await service.stop('SIGKILL');
    }
  });
});
