import { mkdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { packageRoot } from '../../../examples/package-root.js';
import { violationsOf } from '../../support/console/axe.js';
import { openPage, signIn } from '../../support/console/browser.js';
import { requireBrowser } from '../../support/console/required-browser.js';
import { type ConsoleWorld, openWorld } from '../../support/console/world.js';
import { rest } from '../../support/service.js';

/** A folder for pictures of every page; without it none are made. */
const PICTURES = process.env.PICTURES;
/** The first two have each width, theme and language; pictures are made of all. */
const WAYS = [
  { width: 1280, colorScheme: 'light', locale: 'en-GB' },
  { width: 390, colorScheme: 'dark', locale: 'es-CL' },
  { width: 390, colorScheme: 'light', locale: 'en-GB' },
  { width: 1280, colorScheme: 'dark', locale: 'es-CL' },
] as const;

/** Every page, by a name for its picture, and what tells that it is there. */
function pagesOf(world: ConsoleWorld): Record<string, { path: string; there: string }> {
  const { folder, moodle, heldRun, completedRun, institutionId, studentId } = world;
  const integration = `/console/integrations/${folder}`;
  return {
    overview: { path: '/console', there: 'article' },
    connect: { path: '/console/connect', there: 'main button:visible' },
    'connect-settings': {
      path: '/console/connect?step=settings&provider=MOODLE',
      there: 'input[type=password]',
    },
    'connect-test': {
      path: `/console/connect?step=test&provider=GENERIC_CSV&integration=${folder}`,
      there: '.mantine-Alert-root',
    },
    integration: { path: integration, there: 'main li' },
    settings: { path: `${integration}?tab=settings`, there: '#config' },
    schedule: { path: `${integration}?tab=schedule`, there: 'main li' },
    policy: { path: `${integration}?tab=policy`, there: 'main input' },
    mappings: { path: `${integration}?tab=mappings`, there: 'main li' },
    webhooks: { path: `${integration}?tab=webhooks`, there: 'main code' },
    subscriptions: { path: `/console/subscriptions?institution=${institutionId}`, there: 'article' },
    events: { path: `${integration}?tab=events`, there: '.mantine-Card-root' },
    run: { path: `${integration}/runs/${completedRun}`, there: '.mantine-Accordion-item' },
    plan: { path: `${integration}/runs/${heldRun}`, there: 'main li' },
    rollback: { path: `${integration}/runs/${completedRun}/rollback`, there: 'main button' },
    held: { path: '/console/held', there: 'article svg' },
    conflicts: { path: `/console/conflicts/${moodle}`, there: 'article' },
    attendance: { path: '/console/attendance', there: 'article' },
    people: { path: '/console/people', there: 'main li' },
    person: {
      path: `/console/people/${institutionId}/STUDENT/${studentId}`,
      there: '.mantine-Timeline-item',
    },
    connectors: { path: '/console/connectors', there: 'article' },
    audit: { path: '/console/audit', there: 'main li' },
    'not-found': { path: '/console/nothing', there: 'main a' },
  };
}

/** The narrowest window that is thought of. */
const NARROWEST = 360;

describe('every page of the console', () => {
  let world: ConsoleWorld;

  before(async function () {
    requireBrowser(this);
    world = await openWorld();
  });

  after(() => world?.close());

  for (const { width, colorScheme, locale } of PICTURES ? WAYS : WAYS.slice(0, 2)) {
    it(`keeps nobody out (WCAG 2.2 AA) and fits, ${width} pixels wide, ${colorScheme}, ${locale}`, async function () {
      this.timeout(300_000);
      const { page, faults, close } = await openPage({
        viewport: { width, height: 900 },
        colorScheme,
        locale,
      });
      const found: string[] = [];
      try {
        await page.goto(`${world.service.url}/`);
        await page.locator('input[type=password]').waitFor();
        found.push(...(await faultsOf(page, 'sign-in')));
        await picture(page, `sign-in-${width}-${colorScheme}`);
        await signIn(page, world.service.url);
        for (const [name, { path, there }] of Object.entries(pagesOf(world))) {
          await page.goto(world.service.url + path);
          await page.locator(there).first().waitFor();
          await page.locator('.mantine-Loader-root').first().waitFor({ state: 'detached' });
          found.push(...(await faultsOf(page, name)));
          await picture(page, `${name}-${width}-${colorScheme}`);
        }
        await withUpload(page, world, async () => {
          found.push(...(await faultsOf(page, 'upload')));
          await picture(page, `upload-${width}-${colorScheme}`);
        });
      } finally {
        await close();
      }
      expect(found.concat(faults.filter((fault) => !fault.includes('404')))).to.deep.equal([]);
    });
  }

  it(`does not scroll sideways in a window ${NARROWEST} pixels wide, in the longer of the languages`, async function () {
    this.timeout(300_000);
    const { page, close } = await openPage({ viewport: { width: NARROWEST, height: 740 }, locale: 'es-CL' });
    const found: Record<string, unknown> = {};
    try {
      await page.goto(`${world.service.url}/`);
      await page.locator('input[type=password]').waitFor();
      found['sign-in'] = await excessOf(page);
      await signIn(page, world.service.url);
      for (const [name, { path, there }] of Object.entries(pagesOf(world))) {
        await page.goto(world.service.url + path);
        await page.locator(there).first().waitFor();
        await page.locator('.mantine-Loader-root').first().waitFor({ state: 'detached' });
        found[name] = await excessOf(page);
      }
      await withUpload(page, world, async () => {
        found.upload = await excessOf(page);
      });
    } finally {
      await close();
    }
    expect(Object.entries(found).filter(([, excess]) => excess !== 0)).to.deep.equal([]);
    expect(Object.keys(found).length).to.be.greaterThan(20);
  });
});

/** The settings of an integration whose files are given there, with two that are looked at: one is not right. */
async function withUpload(page: Page, world: ConsoleWorld, look: () => Promise<void>): Promise<void> {
  const { service, institutionId } = world;
  const config = { importPath: 'uploads/{id}' };
  const body = { institutionId, provider: 'GENERIC_CSV', config, credentials: {} };
  const { id } = (await rest(service.url, 'POST', '/integrations', body)).body as { id: string };
  await page.goto(`${service.url}/console/integrations/${id}?tab=settings`);
  const workbook = await readFile(join(packageRoot, 'test/fixtures/workbooks/school.xlsx'));
  const given = [
    { name: 'students.xlsx', mimeType: '', buffer: workbook },
    { name: 'groups.csv', mimeType: 'text/csv', buffer: Buffer.from('%PDF-1.7\n') },
  ];
  await page.locator('input[type=file]').setInputFiles(given);
  await page.getByRole('region', { name: 'students.xlsx' }).getByRole('table').waitFor();
  await page.getByRole('region', { name: 'groups.csv' }).getByRole('alert').waitFor();
  await look();
  await rest(service.url, 'DELETE', `/integrations/${id}`);
}

/** By how many pixels a page is wider than its window. */
function excessOf(page: Page): Promise<unknown> {
  return page.evaluate('Math.max(0, document.documentElement.scrollWidth - window.innerWidth)');
}

/** What axe finds on a page, and whether one must scroll sideways. */
async function faultsOf(page: Page, name: string): Promise<string[]> {
  const said = (await violationsOf(page)).map((violation) => `${name}: ${violation}`);
  const excess = await excessOf(page);
  return Number(excess) > 0 ? [...said, `${name} is ${excess} pixels too wide`] : said;
}

async function picture(page: Page, name: string): Promise<void> {
  if (!PICTURES) return;
  mkdirSync(PICTURES, { recursive: true });
  await page.screenshot({ path: join(PICTURES, `${name}.png`) });
}
