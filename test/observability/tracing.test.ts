import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { trace } from '@opentelemetry/api';
import { expect } from 'chai';
import { readPairs } from '../../src/observability/index.js';
import { statementName } from '../../src/observability/tracing/statement-name.js';
import { contextOf } from '../../src/observability/tracing/trace-context.js';

const run = promisify(execFile);

describe('the name of a statement', () => {
  const cases: [string, string][] = [
    ['SELECT a FROM students WHERE id = $1', 'SELECT students'],
    ['  INSERT INTO sync_changes (a) SELECT 1', 'INSERT sync_changes'],
    ['UPDATE sync_runs SET status = $1', 'UPDATE sync_runs'],
    ['DELETE FROM leases', 'DELETE leases'],
    ['START TRANSACTION;', 'START'],
    ['COMMIT', 'COMMIT'],
    ['WITH x AS (SELECT 1 FROM "groups") SELECT 2', 'WITH groups'],
    ['COPY sync_staged (a) FROM STDIN', 'COPY sync_staged'],
    ["SELECT 'from ana' AS a, 'it''s from pia' FROM students", 'SELECT students'],
    ["INSERT INTO students VALUES ('Ana Rojas", 'INSERT students'],
    ["CALL hold_lease('a', 'b', 'c')", 'CALL hold_lease'],
    ['', 'SQL'],
  ];
  for (const [text, name] of cases)
    it(`is what it does and to what, without a value: ${text || 'none'}`, () => {
      expect(statementName(text)).to.equal(name);
    });
});

describe('traceparent', () => {
  const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
  const SPAN = '00f067aa0ba902b7';

  it('of a caller is gone on with, with its decision', () => {
    const span = trace.getSpanContext(contextOf(`00-${TRACE}-${SPAN}-01`, 'a=b'));
    expect(span).to.include({ traceId: TRACE, spanId: SPAN, traceFlags: 1, isRemote: true });
    expect(span?.traceState?.get('a')).to.equal('b');
    expect(trace.getSpanContext(contextOf(`01-${TRACE}-${SPAN}-00-more`, undefined))?.traceFlags).to.equal(0);
  });

  for (const wrong of [
    undefined,
    '',
    'x',
    `ff-${TRACE}-${SPAN}-01`,
    `00-${'0'.repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}`,
    'a'.repeat(100_000),
  ])
    it(`that is none begins a trace of its own: ${wrong?.slice(0, 60)}`, () => {
      expect(trace.getSpanContext(contextOf(wrong, 'a=b'))).to.equal(undefined);
    });
});

describe('pairs of a variable', () => {
  it('are read with their values decoded', () => {
    expect(readPairs('a=b, c = d%20e,f=g=h,,')).to.deep.equal({ a: 'b', c: 'd e', f: 'g=h' });
    expect(readPairs('')).to.deep.equal({});
  });
  for (const wrong of ['a', '=b', 'a=%zz', 'a b=c'])
    it(`are none: ${wrong}`, () => expect(readPairs(wrong)).to.equal(undefined));
});

describe('a service without a collector', () => {
  it('loads nothing of what traces take', async () => {
    const script = `
      import { createRequire } from 'node:module';
      const { loadConfig } = await import('./dist/src/config.js');
      const { startTelemetry } = await import('./dist/src/telemetry.js');
      const { createLogger } = await import('./dist/src/observability/index.js');
      await startTelemetry({ config: loadConfig({ ...JSON.parse(process.argv[1]) }), logger: createLogger({ level: 'silent' }) });
      const files = Object.keys(createRequire(import.meta.url).cache);
      console.log(files.filter((file) => /sdk-trace|exporter-trace|otlp/.test(file)).length, files.filter((file) => /sdk-metrics/.test(file)).length);
      process.exit(0);`;
    const loaded = async (env: object) => {
      const args = ['--input-type=module', '-e', script, JSON.stringify(env)];
      const { stdout } = await run(process.execPath, args);
      return stdout.trim().split(' ').map(Number) as [traces: number, metrics: number];
    };
    const [traces, metrics] = await loaded({});
    expect(traces).to.equal(0);
    expect(metrics).to.be.above(0);
    // The same look finds them where they are.
    expect((await loaded({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' }))[0]).to.be.above(0);
  });
});
