import { expect } from 'chai';
import { openPage, signIn } from '../../support/console/browser.js';
import { messagesIn } from '../../support/console/messages.js';
import { requireBrowser } from '../../support/console/required-browser.js';
import { type ConsoleWorld, openWorld } from '../../support/console/world.js';
import { rest } from '../../support/service.js';

interface Decided {
  resolution: string;
}

describe('the conflicts page', () => {
  let world: ConsoleWorld;
  const t = messagesIn('en');

  before(async function () {
    requireBrowser(this);
    world = await openWorld();
  });

  after(() => world?.close());

  const decided = async () => {
    const path = `/integrations/${world.moodle}/conflicts?resolved=true&pageSize=1000`;
    return (await rest(world.service.url, 'GET', path)).body as Decided[];
  };

  it('is decided by keys alone, and by nothing while somebody types; and many at once, after telling how many', async () => {
    const { page, faults, close } = await openPage({ viewport: { width: 1280, height: 900 } });
    try {
      await signIn(page, world.service.url);
      await page.goto(`${world.service.url}/console/conflicts/${world.moodle}`);
      const first = page.getByRole('article').first();
      await first.waitFor();
      const name = await first.getAttribute('aria-label');
      await page.locator('h1').press('l');
      await page.getByRole('article', { name: name ?? '', exact: true }).waitFor({ state: 'detached' });
      await page.keyboard.press('j');
      await page.keyboard.press('n');
      await page.locator('article[aria-current=true]').waitFor();
      await page.getByRole('button', { name: t('conflicts.several') }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByText(/would be decided/).waitFor();
      await dialog.getByLabel(t('common.reason')).fill('lin');
      expect(await decided()).to.have.length(2);
      await dialog.getByRole('button', { name: /^Decide \d+ people$/ }).click();
      await dialog.waitFor({ state: 'detached' });
      const answers = await decided();
      expect(answers.length).to.be.greaterThan(900);
      expect(answers.filter(({ resolution }) => resolution === 'CREATE')).to.have.length(1);
      expect(faults).to.deep.equal([]);
    } finally {
      await close();
    }
  });
});
