import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { openPage } from '../../support/console/browser.js';
import { messagesIn } from '../../support/console/messages.js';
import { requireBrowser } from '../../support/console/required-browser.js';
import { type ConsoleWorld, openWorld } from '../../support/console/world.js';
import { rest, TOKEN } from '../../support/service.js';

const t = messagesIn('en');
/** More stops than any page has before what is looked for. */
const MOST_STOPS = 120;

interface Stop {
  name: string;
  /** Whether it is marked as the one that has the focus. */
  isMarked: boolean;
}

/** What has the focus: its name, or the text of what labels it. */
function stopOf(page: Page): Promise<Stop> {
  return page.evaluate(`(() => {
    const at = document.activeElement;
    const label = at.labels?.[0]?.textContent ?? at.getAttribute('aria-label') ?? at.textContent;
    const probe = document.body.appendChild(document.createElement('i'));
    probe.style.color = 'var(--mantine-primary-color-filled)';
    const focusColor = getComputedStyle(probe).color;
    probe.remove();
    const hasOutline = (element) => {
      const { outlineStyle, outlineWidth } = getComputedStyle(element);
      return outlineStyle !== 'none' && outlineWidth !== '0px';
    };
    // Fields change their border; a switch is drawn by what stands beside it.
    const isMarked = hasOutline(at) || getComputedStyle(at).borderTopColor === focusColor
      || (at.nextElementSibling !== null && hasOutline(at.nextElementSibling));
    return { name: (label ?? '').trim(), isMarked };
  })()`) as Promise<Stop>;
}

/** Goes on by Tab, or back, until this has the focus. */
async function tabTo(page: Page, name: string | RegExp, key: 'Tab' | 'Shift+Tab' = 'Tab'): Promise<void> {
  const passed: string[] = [];
  for (let n = 0; n < MOST_STOPS; n++) {
    await page.keyboard.press(key);
    const stop = await stopOf(page);
    if (stop.name !== '' && !stop.isMarked)
      throw new Error(`"${stop.name}" does not show that it has the focus`);
    if (typeof name === 'string' ? stop.name === name : name.test(stop.name)) return;
    passed.push(stop.name);
  }
  throw new Error(`Tab does not come to ${name}, but to: ${passed.join(' | ')}`);
}

describe('the console without a mouse', () => {
  let world: ConsoleWorld;

  before(async function () {
    requireBrowser(this);
    world = await openWorld();
  });

  after(() => world?.close());

  it('is signed in to, searched, set and decided in by keys alone, and always shows where one is', async () => {
    const { url } = world.service;
    const { page, faults, close } = await openPage({ viewport: { width: 1280, height: 900 } });
    const { keyboard } = page;
    try {
      await page.goto(`${url}/`);
      await page.locator('input[type=password]').waitFor();
      await page.locator('input[type=password]').focus();
      await keyboard.type(TOKEN);
      await tabTo(page, new RegExp(t('signIn.keep')));
      await keyboard.press('Space');
      await keyboard.press('Tab');
      await keyboard.press('Enter');
      await page.getByRole('heading', { name: t('overview.title'), level: 1 }).waitFor();

      await page.goto(`${url}/console/people`);
      await page.locator('main li').first().waitFor();
      await keyboard.press('Tab');
      await tabTo(page, t('people.search'));
      await keyboard.type('amanda.ramirez.e1001');
      await page.locator('main li').nth(1).waitFor({ state: 'detached' });
      await tabTo(page, /^Amanda/);
      await keyboard.press('Enter');
      await page.getByRole('heading', { name: /^Amanda/, level: 1 }).waitFor();

      await page.goto(`${url}/console/integrations/${world.folder}`);
      await page.getByRole('tab', { name: t('integration.tab.status') }).waitFor();
      await tabTo(page, t('integration.tab.status'));
      for (let n = 0; n < 3; n++) await keyboard.press('ArrowRight');
      await page.getByText(t('policy.graceDays'), { exact: true }).waitFor();
      await tabTo(page, t('policy.graceDays'));
      await keyboard.type('40');
      await tabTo(page, t('common.save'));
      await keyboard.press('Enter');
      await page.getByText(t('common.saved')).waitFor();
      const saved = (await rest(url, 'GET', `/integrations/${world.folder}`)).body as {
        policy: { graceDays: number };
      };
      expect(saved.policy.graceDays).to.equal(40);

      await page.goto(`${url}/console/integrations/${world.folder}/runs/${world.heldRun}`);
      await page.getByRole('button', { name: t('plan.discard'), exact: true }).waitFor();
      await tabTo(page, t('plan.discard'));
      await keyboard.press('Enter');
      await page.getByRole('dialog').waitFor();
      await page.locator('[role=dialog] textarea:focus').waitFor();
      await keyboard.type('a part of the file');
      await tabTo(page, t('plan.discardDo'));
      await keyboard.press('Enter');
      await page.getByRole('main').getByText(t('run.status.DISCARDED'), { exact: true }).first().waitFor();
      expect(faults).to.deep.equal([]);
    } finally {
      await close();
    }
  });

  it('leads past the menu, and gives the focus back to what opened a dialog', async () => {
    const { page, close } = await openPage({ viewport: { width: 1280, height: 900 } });
    try {
      await page.goto(`${world.service.url}/`);
      await page.locator('input[type=password]').fill(TOKEN);
      await page.locator('input[type=checkbox]').check();
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: t('overview.title'), level: 1 }).waitFor();
      await page.goto(`${world.service.url}/console/integrations/${world.folder}?tab=mappings`);
      await page.locator('main li').first().waitFor();
      await tabTo(page, t('shell.skip'), 'Shift+Tab');
      await page.keyboard.press('Enter');
      expect(await page.evaluate('document.activeElement.id')).to.equal('main');
      await tabTo(page, 'Repair E1001');
      await page.keyboard.press('Enter');
      await page.getByRole('dialog').waitFor();
      await page.keyboard.press('Escape');
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      expect((await stopOf(page)).name).to.equal('Repair E1001');
    } finally {
      await close();
    }
  });
});
