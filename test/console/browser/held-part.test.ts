import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { openPage, signIn } from '../../support/console/browser.js';
import { messagesIn } from '../../support/console/messages.js';
import { requireBrowser } from '../../support/console/required-browser.js';
import { rest, sharedService } from '../../support/service.js';

const t = messagesIn('en');
const students = (most: number) =>
  `id,nombres\n${Array.from({ length: most }, (_, nth) => `S${nth},Ana${nth}\n`).join('')}`;

/** A run of everything of which the students are held, and a row of the teachers is not right. */
async function heldRun() {
  const { url, files } = await sharedService();
  const institutionId = randomUUID();
  await mkdir(join(files, institutionId));
  const write = (name: string, csv: string) => writeFile(join(files, institutionId, name), csv);
  await write('teachers.csv', 'id,nombres\nT1,Eva\nT1,Luz\n');
  await write('students.csv', students(12));
  const settings = { institutionId, provider: 'GENERIC_CSV', config: { importPath: institutionId } };
  const { id } = (await rest(url, 'POST', '/integrations', settings)).body;
  await rest(url, 'POST', `/integrations/${id}/sync`, {});
  await write('students.csv', students(1));
  const { body } = await rest(url, 'POST', `/integrations/${id}/sync`, {});
  expect(body.status).to.equal('HELD');
  return { url, id, runId: body.runId as string };
}

describe('the page of a run of everything that is held', () => {
  before(function () {
    requireBrowser(this);
  });

  it('opens at the part that waits, whose changes are there to be looked at', async () => {
    const { url, id, runId } = await heldRun();
    const { page, close } = await openPage();
    try {
      await signIn(page, url);
      await page.goto(`${url}/console/integrations/${id}/runs/${runId}`);
      const parts = page.getByRole('tablist', { name: t('run.parts') });
      await parts
        .getByRole('tab', { name: t('entity.STUDENT'), selected: true })
        .waitFor({ timeout: 20_000 });
      await page
        .getByText(/Held: 11 of 12/)
        .first()
        .waitFor();
      await page.locator('main li').first().waitFor();
    } finally {
      await close();
    }
  });
});
