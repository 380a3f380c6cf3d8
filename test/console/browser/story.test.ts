import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { openFolder, type SchoolSystem } from '../../../examples/demo/systems.js';
import { openPage, signIn } from '../../support/console/browser.js';
import { messagesIn } from '../../support/console/messages.js';
import { requireBrowser } from '../../support/console/required-browser.js';
import { rest, startService, type TestService } from '../../support/service.js';

/** Clicks through the console as one who reads what is on its buttons. */
class Person {
  constructor(
    readonly page: Page,
    private readonly t: (key: string) => string,
  ) {}

  async press(key: string): Promise<void> {
    await this.page
      .getByRole('button', { name: this.t(key), exact: true })
      .first()
      .click();
  }

  async follow(key: string): Promise<void> {
    await this.page
      .getByRole('link', { name: this.t(key), exact: true })
      .first()
      .click();
  }

  async sees(key: string): Promise<void> {
    await this.page.getByText(this.t(key), { exact: true }).first().waitFor();
  }

  async seesStatus(status: string): Promise<void> {
    await this.page
      .getByRole('main')
      .getByText(this.t(`run.status.${status}`), { exact: true })
      .first()
      .waitFor();
  }

  async fill(key: string, text: string): Promise<void> {
    await this.page.getByLabel(this.t(key)).first().fill(text);
  }
}

describe('the console in a browser', () => {
  for (const [language, locale] of [
    ['en', 'en-GB'],
    ['es', 'es-CL'],
  ] as const) {
    it(`connects a school, syncs it, holds a plan and takes a run back, by clicks, in ${language}`, async function () {
      requireBrowser(this);
      const service = await startService();
      const school = await laySchool(service);
      const { page, faults, close } = await openPage({ locale });
      try {
        await signIn(page, service.url);
        const person = new Person(page, messagesIn(language));
        await connect(person);
        await correctAndSync(person, school);
        await takeBack(person);
        await holdAndDiscard(person, school);
        await sendAttendance(person, service);
        expect(faults).to.deep.equal([]);
        expect(await page.locator('html').getAttribute('lang')).to.equal(language);
      } finally {
        await close();
        await service.stop('SIGKILL');
      }
    });
  }

  it('keeps the token out of the address and of what stays, and asks for it again once it is refused', async function () {
    requireBrowser(this);
    const service = await startService();
    const { page, close } = await openPage();
    const t = messagesIn('en');
    try {
      await page.goto(`${service.url}/`);
      await page.getByLabel(t('signIn.token')).first().fill('wrong-token-wrong-token-wrong-token-wrong');
      await page.getByRole('button', { name: t('signIn.submit'), exact: true }).click();
      await page.getByText(t('error.title.signIn')).waitFor();
      await signIn(page, service.url);
      expect(page.url()).to.not.include('token');
      expect(await page.evaluate('JSON.stringify(localStorage) + document.cookie')).to.not.include(
        'test-token',
      );
      const { port } = new URL(service.url);
      await service.stop('SIGKILL');
      const other = 'another-token-another-token-another-token';
      const next = await startService({ dataDir: service.dataDir, env: { PORT: port, ADMIN_TOKEN: other } });
      await page.getByText(t('signIn.refused')).waitFor();
      expect(await page.evaluate('sessionStorage.length')).to.equal(0);
      await next.stop('SIGKILL');
    } finally {
      await close();
    }
  });
});

async function laySchool(service: TestService): Promise<SchoolSystem> {
  await mkdir(service.files, { recursive: true });
  return openFolder(service.files);
}

async function connect(person: Person): Promise<void> {
  const { page } = person;
  await person.follow('connect.title');
  await page.getByRole('button', { name: /CSV/ }).click();
  await person.press('connect.newInstitution');
  await person.fill('setting.importPath', 'import');
  await person.fill('setting.exportPath', 'export');
  await person.press('connect.continue');
  await person.sees('test.good');
  await person.press('connect.toPreview');
  await person.press('connect.startSync');
  await person.sees('connect.done');
  await person.follow('connect.open');
  await page.getByRole('heading', { name: 'import', level: 1 }).waitFor();
}

async function correctAndSync(person: Person, school: SchoolSystem): Promise<void> {
  await school.correctName();
  await person.press('integration.sync');
  await person.seesStatus('COMPLETED');
}

async function takeBack(person: Person): Promise<void> {
  await person.follow('rollback.open');
  await person.press('rollback.preview');
  await person.sees('rollback.wouldDo');
  await person.press('rollback.do');
  await person.seesStatus('COMPLETED');
}

async function holdAndDiscard(person: Person, school: SchoolSystem): Promise<void> {
  const restore = await school.losePart?.();
  await person.page.getByRole('link', { name: 'import', exact: true }).click();
  await person.press('integration.sync');
  await person.seesStatus('HELD');
  await person.page
    .getByRole('img', { name: /1.?196/ })
    .first()
    .waitFor();
  await person.press('plan.discard');
  await person.fill('common.reason', 'a part of the file');
  await person.press('plan.discardDo');
  await person.seesStatus('DISCARDED');
  await restore?.();
}

/** A lesson that a backend records, and that a person sends. */
async function sendAttendance(person: Person, { url }: TestService): Promise<void> {
  const [integration] = (await rest(url, 'GET', '/integrations')).body as {
    id: string;
    institutionId: string;
  }[];
  const institution = `/institutions/${integration?.institutionId}`;
  const [group] = (await rest(url, 'GET', `${institution}/groups?pageSize=1`)).body as { id: string }[];
  const students = (await rest(url, 'GET', `${institution}/students?groupId=${group?.id}`)).body as {
    id: string;
  }[];
  const session = randomUUID();
  const path = `${institution}/class-sessions/${session}`;
  const times = { startsAt: '2026-11-23T11:00:00Z', endsAt: '2026-11-23T12:30:00Z' };
  await rest(url, 'PUT', path, { groupId: group?.id, topic: 'Repaso', ...times });
  const records = students.map(({ id }) => ({ studentId: id, status: 'PRESENT' }));
  await rest(url, 'POST', `${path}/attendance`, { records });
  await rest(url, 'POST', `/integrations/${integration?.id}/send-attendance`, { sessionId: session });
  await person.follow('nav.attendance');
  await person.page.getByRole('heading', { name: 'Repaso' }).waitFor();
  await person.press('attendance.sendAgain');
  await person.page
    .getByRole('status')
    .filter({ hasText: String(students.length) })
    .first()
    .waitFor();
}
