import { expect } from 'chai';
import { violationsOf } from '../../support/console/axe.js';
import { openPage } from '../../support/console/browser.js';
import { requireBrowser } from '../../support/console/required-browser.js';
import { sharedService } from '../../support/service.js';

describe('the reference page of the API', () => {
  it('shows every path of the document, keeps nobody out, keeps to its policy, and asks nobody but the service', async function () {
    requireBrowser(this);
    const { url } = await sharedService();
    const { page, faults, close } = await openPage();
    const asked = new Set<string>();
    page.on('request', (request) => asked.add(new URL(request.url()).origin));
    try {
      const violations = `addEventListener('securitypolicyviolation', (event) => console.error(event.violatedDirective))`;
      await page.addInitScript(violations);
      await page.goto(`${url}/docs`);
      await page.locator('.opblock').first().waitFor();
      const document = (await (await fetch(`${url}/openapi.json`)).json()) as { paths: object };
      const operations = Object.values(document.paths).flatMap((path) =>
        Object.keys(path as object).filter((method) => /^(?:get|put|post|patch|delete)$/.test(method)),
      );
      expect(await page.locator('.opblock').count()).to.equal(operations.length);
      // One is opened: its parameters, its body and its answers are drawn.
      await page.locator('.opblock-summary-control').first().click();
      await page.locator('.opblock.is-open .responses-table').first().waitFor();
      // Swagger UI gives the choices of parameters that are true or false no name of their own.
      const found = (await violationsOf(page)).filter(
        (violation) => !/^select-name: <select class="" disabled/.test(violation),
      );
      expect(found).to.deep.equal([]);
      expect(faults).to.deep.equal([]);
      expect([...asked].filter((origin) => origin !== new URL(url).origin)).to.deep.equal([]);
    } finally {
      await close();
    }
  });
});
