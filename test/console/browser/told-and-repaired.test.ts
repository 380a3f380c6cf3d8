import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { Webhook } from 'standardwebhooks';
import { openPage, signIn } from '../../support/console/browser.js';
import { messagesIn } from '../../support/console/messages.js';
import { requireBrowser } from '../../support/console/required-browser.js';
import { type ConsoleWorld, openWorld } from '../../support/console/world.js';
import { rest } from '../../support/service.js';
import { until } from '../../support/until.js';
import { closeReceivers, type Received, webhookReceiver } from '../../support/webhook-receiver.js';

const t = messagesIn('en');
const WINDOW = { viewport: { width: 1280, height: 900 } };

const press = (page: Page, name: string | RegExp) =>
  page.getByRole('button', { name, exact: true }).first().click();

/** The secret that is shown, until it is put away. */
async function takeSecret(page: Page): Promise<string> {
  const secret = (await page.locator('main pre').first().textContent()) ?? '';
  await press(page, t('secret.done'));
  await page.getByText(secret).waitFor({ state: 'detached' });
  return secret;
}

describe('the console, for other systems and for ids', () => {
  let world: ConsoleWorld;

  before(async function () {
    requireBrowser(this);
    world = await openWorld();
  });

  after(async () => {
    await closeReceivers();
    await world?.close();
  });

  it('subscribes an address with a secret that is shown once, tests it, shows its deliveries and tells one again', async () => {
    const receiver = await webhookReceiver();
    const { page, faults, close } = await openPage(WINDOW);
    try {
      await signIn(page, world.service.url);
      await page.goto(`${world.service.url}/console/subscriptions?institution=${world.institutionId}`);
      await press(page, t('subscriptions.add'));
      await page.getByLabel(t('subscriptions.url')).fill(receiver.url);
      await page.getByLabel(t('subscriptions.description')).fill('Backend');
      await press(page, t('subscriptions.create'));
      const secret = await takeSecret(page);
      const card = page.getByRole('article', { name: 'Backend' });
      await card.getByRole('button', { name: t('subscriptions.test') }).click();
      await card.getByText(t('subscriptions.testGood')).waitFor();
      const [tested] = receiver.received;
      expect(tested?.event.type).to.equal('subscription.test');
      receiver.verify(tested as Received, secret);
      await rest(world.service.url, 'POST', `/integrations/${world.folder}/sync`, { entityType: 'COURSE' });
      await card.getByRole('button', { name: t('subscriptions.showDeliveries') }).click();
      await card.getByText(t('subscriptions.status.DELIVERED'), { exact: true }).nth(1).waitFor();
      const before = receiver.received.length;
      await card
        .getByRole('button', { name: /^Tell again/ })
        .first()
        .click();
      await until(() => receiver.received.length > before);
      await card.getByRole('button', { name: t('subscriptions.rotate') }).click();
      await page
        .getByRole('dialog')
        .getByRole('button', { name: t('subscriptions.rotate') })
        .click();
      expect(await takeSecret(page)).to.not.equal(secret);
      await card.getByRole('button', { name: t('subscriptions.remove') }).click();
      await page
        .getByRole('dialog')
        .getByRole('button', { name: t('subscriptions.remove') })
        .click();
      await card.waitFor({ state: 'detached' });
      expect(faults).to.deep.equal([]);
    } finally {
      await close();
    }
  });

  it('makes a secret for webhooks, shows what came in signed with it, and refuses it once it is removed', async () => {
    const { url } = world.service;
    const { page, faults, close } = await openPage(WINDOW);
    try {
      await signIn(page, url);
      await page.goto(`${url}/console/integrations/${world.moodle}?tab=webhooks`);
      await press(page, t('webhooks.create'));
      const secret = await takeSecret(page);
      const send = async (id: string) => {
        const body = JSON.stringify({ entityType: 'COURSE' });
        const at = new Date();
        const answer = await fetch(`${url}/integrations/${world.moodle}/webhooks`, {
          method: 'POST',
          body,
          headers: {
            'content-type': 'application/json',
            'webhook-id': id,
            'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
            'webhook-signature': new Webhook(secret).sign(id, at, body),
          },
        });
        return answer.status;
      };
      expect(await send('first')).to.be.within(200, 299);
      await page.getByRole('button', { name: 'What first said' }).click();
      await page.getByRole('dialog').getByText('"entityType"').waitFor();
      await page.keyboard.press('Escape');
      await page.getByRole('button', { name: /^Remove the secret/ }).click();
      await page
        .getByRole('dialog')
        .getByRole('button', { name: t('webhooks.remove') })
        .click();
      await page.getByText(t('webhooks.noSecrets')).waitFor();
      expect(await send('second')).to.be.within(400, 499);
      expect(faults).to.deep.equal([]);
    } finally {
      await close();
    }
  });

  it('says what a repair of an id will do, and then does just that', async () => {
    const { url } = world.service;
    const { page, faults, close } = await openPage(WINDOW);
    const mapping = async (externalId: string) =>
      (await rest(url, 'GET', `/integrations/${world.folder}/mappings/STUDENT/external/${externalId}`))
        .body as { internalId?: string };
    try {
      const [one, other] = [await mapping('E1001'), await mapping('E1002')];
      await signIn(page, url);
      await page.goto(`${url}/console/integrations/${world.folder}?tab=mappings`);
      const dialog = page.getByRole('dialog');
      await press(page, 'Repair E1001');
      await dialog.getByLabel(t('repair.newId')).fill('E1001-B');
      await dialog.getByText(/becomes E1001-B instead of E1001/).waitFor();
      await dialog.getByRole('button', { name: t('repair.do.rekey') }).click();
      await dialog.getByText(t('repair.done')).waitFor();
      await dialog
        .getByRole('button', { name: t('common.close') })
        .last()
        .click();
      expect((await mapping('E1001-B')).internalId).to.equal(one.internalId);
      await press(page, 'Repair E1001-B');
      await dialog.getByLabel(t('repair.kind.merge')).check();
      await dialog.getByLabel(t('repair.other')).fill('E1002');
      await dialog.getByText(/becomes inactive for good/).waitFor();
      await dialog.getByRole('button', { name: t('repair.do.merge') }).click();
      await dialog.getByText(t('repair.done')).waitFor();
      await dialog
        .getByRole('button', { name: t('common.close') })
        .last()
        .click();
      const gone = await rest(
        url,
        'GET',
        `/institutions/${world.institutionId}/students/${other.internalId}`,
      );
      expect((gone.body as { active: boolean }).active).to.equal(false);
      await press(page, 'Repair E1003');
      await dialog.getByLabel(t('repair.kind.unlink')).check();
      await dialog.getByText(/looks for E1003 again/).waitFor();
      await dialog.getByRole('button', { name: t('repair.do.unlink') }).click();
      await dialog.getByText(t('repair.done')).waitFor();
      expect((await mapping('E1003')).internalId).to.equal(undefined);
      expect(faults).to.deep.equal([]);
    } finally {
      await close();
    }
  });

  it('shows how a file is understood before it is kept, and why another cannot be', async () => {
    const { url } = world.service;
    const { page, faults, close } = await openPage(WINDOW);
    try {
      await signIn(page, url);
      await page.goto(`${url}/console/integrations/${world.folder}?tab=settings`);
      await press(page, t('upload.switch'));
      const upload = page.locator('input[type=file]');
      const sheet = 'id,nombres,apellidos,color\nN1,Eva,Soto,azul\nN2,Leo,Paz,rojo\n';
      const file = { name: 'lista.csv', mimeType: 'text/csv', buffer: Buffer.from(sheet) };
      await upload.setInputFiles(file);
      await page.getByRole('alert').waitFor();
      await page.getByLabel(t('upload.list')).selectOption('students');
      await page.getByRole('columnheader', { name: t('field.givenName') }).waitFor();
      await page.getByRole('columnheader', { name: new RegExp(`^${t('upload.notUsed')}.*color`) }).waitFor();
      await page.getByRole('cell', { name: 'Soto' }).waitFor();
      await page.getByText('2 rows').waitFor();
      await press(page, t('upload.keep_one'));
      await page.getByText(t('upload.kept')).waitFor();
      expect(faults).to.deep.equal([]);
    } finally {
      await close();
    }
  });
});
