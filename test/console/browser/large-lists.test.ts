import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { openPage, signIn } from '../../support/console/browser.js';
import { messagesIn } from '../../support/console/messages.js';
import { requireBrowser } from '../../support/console/required-browser.js';
import { writeLargeSchool } from '../../support/console/world.js';
import { rest, startService } from '../../support/service.js';

const PEOPLE = 100_000;
/** A frame of a list that scrolls, at the median, and the longest that its scripts may keep it, in milliseconds. */
const MEDIAN_FRAME = 50;
const LONGEST_TASK = 350;

interface Smoothness {
  frames: number;
  median: number;
  longest: number;
  rows: number;
}

/** Scrolls through what is loaded, a screen and more each frame, and tells how that went. */
function scrolled(page: Page): Promise<Smoothness> {
  return page.evaluate(`(async () => {
    const tasks = [];
    const observer = new PerformanceObserver((list) => tasks.push(...list.getEntries().map((entry) => entry.duration)));
    observer.observe({ type: 'longtask' });
    const frame = () => new Promise(requestAnimationFrame);
    const times = [];
    let rows = 0;
    const far = document.documentElement.scrollHeight;
    for (let n = 0, before = await frame(); n < 150; n++) {
      window.scrollTo(0, (n / 150) * far);
      const now = await frame();
      times.push(now - before);
      before = now;
      rows = Math.max(rows, document.querySelectorAll('main li').length);
    }
    tasks.push(...observer.takeRecords().map((entry) => entry.duration));
    observer.disconnect();
    times.sort((a, b) => a - b);
    return { frames: times.length, median: times[times.length / 2], longest: Math.max(0, ...tasks), rows };
  })()`) as Promise<Smoothness>;
}

/** Goes to the end of what there is, page by page, until all are in the list. */
async function loadAll(page: Page, count: number): Promise<void> {
  await page.evaluate(`(async () => {
    const frame = () => new Promise(requestAnimationFrame);
    while (document.querySelector('main li[aria-setsize="${count}"]') === null) {
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
        await loadAll(page, PEOPLE);
        const smooth = await scrolled(page);
        expect(smooth.rows, name).to.be.within(5, 100);
        expect(smooth.median, `${name}: median frame`).to.be.below(MEDIAN_FRAME);
        expect(smooth.longest, `${name}: longest task`).to.be.below(LONGEST_TASK);
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
