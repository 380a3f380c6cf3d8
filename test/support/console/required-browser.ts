import type { Context } from 'mocha';
import { hasBrowser } from './browser.js';

/** Skips what needs a browser where there is none, and says so; in CI it must be there. */
export function requireBrowser(test: Context): void {
  if (hasBrowser) return;
  const sentence =
    "No Chromium: the console is not tested in a browser. Install Debian's package chromium, or set CHROMIUM.";
  if (process.env.CI) throw new Error(sentence);
  console.warn(`      ${sentence}`);
  test.skip();
}
