import { existsSync } from 'node:fs';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { atExit } from '../at-exit.js';
import { TOKEN } from '../service.js';

/** Debian's package `chromium`; CHROMIUM names another. */
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const QUIET = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Whether there is a browser to test with. */
export const hasBrowser = existsSync(CHROMIUM);

let browser: Promise<Browser> | undefined;

/** A window with an empty profile. What the page's policy forbids, and errors of its scripts, land in `faults`. */
export async function openPage(
  options: BrowserContextOptions = {},
): Promise<{ page: Page; faults: string[]; close(): Promise<void> }> {
  browser ??= chromium.launch({ executablePath: CHROMIUM, headless: true, args: QUIET });
  const context = await (await browser).newContext({ locale: 'en-GB', reducedMotion: 'reduce', ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error' && !/Failed to load resource/.test(message.text()))
      faults.push(message.text());
  });
  return { page, faults, close: () => context.close() };
}

/** Opens the console and signs in, for as long as the tab is open. */
export async function signIn(page: Page, url: string): Promise<void> {
  await page.goto(`${url}/`);
  await page.locator('input[type=password]').fill(TOKEN);
  await page.locator('input[type=checkbox]').check();
  await page.locator('button[type=submit]').click();
  await page.locator('nav').first().waitFor({ state: 'attached' });
}

atExit(() => {
  void browser?.then((opened) => opened.close());
});
