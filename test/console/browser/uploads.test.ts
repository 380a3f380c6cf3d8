import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { packageRoot } from '../../../examples/package-root.js';
import { openPage, signIn } from '../../support/console/browser.js';
import { dropFiles } from '../../support/console/drop-files.js';
import { messagesIn } from '../../support/console/messages.js';
import { requireBrowser } from '../../support/console/required-browser.js';
import { rest, sharedService } from '../../support/service.js';

const t = messagesIn('en');
const STUDENTS = 'id,nombres,apellidos\nS1,Ana,Soto\nS2,Leo,Paz\n';
const GROUPS = 'id,nombre\nG1,1A\n';
const MEMBERSHIPS = 'grupo_id,persona_id,rol\nG1,S1,alumno\nG1,S2,alumno\n';

const press = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).first().click();
const keep = (count: number) =>
  t(count === 1 ? 'upload.keep_one' : 'upload.keep_other').replace('{{count}}', String(count));

describe('files that are given in the console', () => {
  before(function () {
    requireBrowser(this);
  });

  it('connect a school that has nothing else: dropped together, looked at, kept, tested and synced', async () => {
    const { url } = await sharedService();
    const { page, faults, close } = await openPage();
    try {
      await signIn(page, url);
      await page.goto(`${url}/console/connect?step=settings&provider=GENERIC_CSV`);
      const institution = randomUUID();
      await page.getByLabel(t('connect.institution')).first().fill(institution);
      await page.getByLabel(t('upload.here')).check();
      await press(page, t('connect.continue'));
      await page.getByText(t('upload.first')).waitFor();
      await dropFiles(page, t('upload.drop'), {
        'students.csv': STUDENTS,
        'groups.csv': GROUPS,
        'memberships.csv': MEMBERSHIPS,
      });
      for (const name of ['students.csv', 'groups.csv', 'memberships.csv'])
        await page.getByRole('region', { name }).getByRole('table').waitFor();
      await press(page, keep(3));
      await page.getByText(t('upload.kept')).waitFor();
      await page.getByText(t('test.good'), { exact: true }).waitFor();
      await press(page, t('connect.toPreview'));
      await press(page, t('connect.startSync'));
      await page.getByText(t('connect.done'), { exact: true }).waitFor();
      const { body } = await rest(url, 'GET', `/institutions/${institution}/memberships`);
      expect(body).to.have.length(2);
      expect(faults).to.deep.equal([]);
    } finally {
      await close();
    }
  });

  it('are kept all or none: one that is refused, or two of a list, must be left out first', async () => {
    const { url } = await sharedService();
    const config = { importPath: 'uploads/{id}' };
    const body = { institutionId: randomUUID(), provider: 'GENERIC_CSV', config, credentials: {} };
    const { id } = (await rest(url, 'POST', '/integrations', body)).body as { id: string };
    const { page, faults, close } = await openPage();
    try {
      await signIn(page, url);
      await page.goto(`${url}/console/integrations/${id}?tab=settings`);
      await page.getByRole('region', { name: t('upload.drop'), exact: true }).waitFor();
      // Whoever misses the area does not leave the page.
      const isLeft = `document.body.dispatchEvent(new DragEvent('drop', { bubbles: true, cancelable: true }))`;
      expect(await page.evaluate(isLeft)).to.equal(false);
      await dropFiles(page, t('upload.drop'), { 'students.csv': STUDENTS, 'groups.csv': '%PDF-1.7\n' });
      await page
        .getByRole('region', { name: 'groups.csv' })
        .getByText(/no CSV but a PDF/)
        .waitFor();
      const button = (count: number) => page.getByRole('button', { name: keep(count), exact: true });
      await page.getByRole('region', { name: 'students.csv' }).getByRole('table').waitFor();
      expect(await button(2).isDisabled()).to.equal(true);
      await press(page, t('upload.remove').replace('{{name}}', 'groups.csv'));
      expect(await button(1).isEnabled()).to.equal(true);
      // The same list once more, as a workbook: a file of an old list must not win by chance.
      const workbook = await readFile(join(packageRoot, 'test/fixtures/workbooks/counted-from-1904.xlsx'));
      await dropFiles(page, t('upload.drop'), { 'students.xlsx': workbook });
      await page.getByText(t('upload.sameList')).waitFor();
      expect(await button(2).isDisabled()).to.equal(true);
      await press(page, t('upload.remove').replace('{{name}}', 'students.csv'));
      await button(1).click();
      await page.getByText(t('upload.kept')).waitFor();
      const tested = await rest(url, 'POST', `/integrations/${id}/test`);
      expect(JSON.stringify(tested.body)).to.contain('students.xlsx').and.not.contain('students.csv');
      expect(faults).to.deep.equal([]);
    } finally {
      await close();
    }
  });
});
