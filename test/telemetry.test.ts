import { expect } from 'chai';
import { loadConfig } from '../src/config.js';
import { createLogger } from '../src/observability/index.js';
import { startTelemetry } from '../src/telemetry.js';

describe('METRICS_OPEN', () => {
  for (const [value, isOpen] of [
    [undefined, false],
    ['false', false],
    ['true', true],
  ] as const)
    it(`${value ?? 'unset'} ${isOpen ? 'shows metrics to all' : 'keeps metrics to those with a token'}`, async () => {
      const config = loadConfig({ METRICS_OPEN: value });
      const telemetry = await startTelemetry({ config, logger: createLogger({ level: 'silent' }) });
      const page = telemetry.pages.find(({ path }) => path === '/metrics');
      expect(page?.refusal === undefined).to.equal(isOpen);
      expect((await page?.read())?.body).to.include('smartid_build_info');
      await telemetry.close();
    });
});
