import { expect } from 'chai';
import { openPage, signIn } from '../../support/console/browser.js';
import { messagesIn } from '../../support/console/messages.js';
import { requireBrowser } from '../../support/console/required-browser.js';
import { writeLargeSchool } from '../../support/console/world.js';
import { rest, startService } from '../../support/service.js';

const STUDENTS = 30_000;

describe('the page of a run whose service dies', () => {
  it('says so, comes back by itself, and shows the end of the run', async function () {
    requireBrowser(this);
    // A database of its own that stays when the service is killed.
    const env = { DATABASE_URL: undefined };
    const service = await startService({ env });
    await writeLargeSchool(service.files, 'grande', STUDENTS);
    const body = { institutionId: '7a3c1f0e-52b4-4c8e-9d0a-0f6f3c1f2b11', provider: 'GENERIC_CSV' };
    const made = await rest(service.url, 'POST', '/integrations', {
      ...body,
      config: { importPath: 'grande' },
    });
    const { id } = made.body as { id: string };
    const t = messagesIn('en');
    const { page, faults, close } = await openPage();
    try {
      await signIn(page, service.url);
      await page.goto(`${service.url}/console/integrations/${id}`);
      const started = await rest(service.url, 'POST', `/integrations/${id}/runs`, { entityType: 'STUDENT' });
      const run = started.body as { id: string };
      await page.goto(`${service.url}/console/integrations/${id}/runs/${run.id}`);
      await page.getByText(t('run.progress'), { exact: true }).waitFor();
      const { port } = new URL(service.url);
      await service.stop('SIGKILL');
      await page.getByText(t('run.lost')).waitFor();
      const next = await startService({ dataDir: service.dataDir, env: { ...env, PORT: port } });
      await page.getByText(t('run.lost')).waitFor({ state: 'detached' });
      await page.getByText(t('run.status.COMPLETED'), { exact: true }).first().waitFor({ timeout: 100_000 });
      await page
        .getByText(/30,000/)
        .first()
        .waitFor();
      // Of so many changes only those in view are drawn.
      await page.getByText('Apellido 1', { exact: false }).first().waitFor();
      expect(await page.locator('main li').count()).to.be.within(5, 100);
      expect(faults).to.deep.equal([]);
      await next.stop('SIGKILL');
    } finally {
      await close();
    }
  });
});
