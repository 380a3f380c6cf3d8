import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { expect } from 'chai';
import { ConfigError, knownVariables, loadConfig } from '../src/config.js';
import { tempFolder } from './support/temp-folder.js';

const KEY = Buffer.alloc(32, 7).toString('base64');

function problems(env: Record<string, string>): string {
  try {
    loadConfig(env);
    return '';
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.message;
  }
}

describe('the environment', () => {
  it('needs nothing in development', () => {
    const config = loadConfig({});
    expect(config).to.deep.include({
      production: false,
      host: '127.0.0.1',
      port: 8080,
      logLevel: 'info',
      logFormat: 'json',
      tls: undefined,
    });
    expect(config.dataDir).to.match(/^\/.*\/data$/);
    expect(config.csvRoot).to.equal(`${config.dataDir}/files`);
  });

  it('traces only where it says where to', () => {
    const tracing = (env: Record<string, string>) => loadConfig(env).telemetry.tracing;
    const OTEL_EXPORTER_OTLP_ENDPOINT = 'http://collector:4318';
    expect(tracing({})).to.equal(undefined);
    expect(tracing({ OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_SDK_DISABLED: 'true' })).to.equal(undefined);
    expect(tracing({ OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_TRACES_EXPORTER: 'none' })).to.equal(undefined);
    expect(tracing({ OTEL_EXPORTER_OTLP_ENDPOINT })).to.deep.include({
      url: 'http://collector:4318/v1/traces',
      sampler: 'parentbased_always_on',
      resource: { 'service.name': 'smartid-integrations' },
      outboundHosts: [],
    });
    const OTEL_EXPORTER_OTLP_TRACES_ENDPOINT = 'https://traces.example/in';
    const whole = tracing({
      OTEL_EXPORTER_OTLP_ENDPOINT,
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT,
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=prod,service.name=a',
      OTEL_SERVICE_NAME: 'b',
      TRACEPARENT_HOSTS: 'Moodle.example:8080, 10.0.0.1',
    });
    expect(whole).to.deep.include({
      url: OTEL_EXPORTER_OTLP_TRACES_ENDPOINT,
      resource: { 'service.name': 'b', 'deployment.environment.name': 'prod' },
      outboundHosts: ['moodle.example:8080', '10.0.0.1'],
    });
  });

  it('an empty variable is the same as none', () => {
    expect(loadConfig({ PORT: '', DATABASE_URL: '', ADMIN_TOKEN: '' })).to.deep.equal(loadConfig({}));
  });

  const WRONG: [string, Record<string, string>, RegExp][] = [
    ['PORT', { PORT: 'http' }, /^PORT must be a port number from 0 to 65535/],
    ['PORT beyond the last', { PORT: '65536' }, /^PORT must be/],
    ['DATABASE_URL', { DATABASE_URL: 'mysql://x' }, /^DATABASE_URL must look like postgres:/],
    [
      'DATABASE_URL whose password needs encoding',
      { DATABASE_URL: 'postgres://u:p#w@h/d' },
      /^DATABASE_URL cannot be read .*%23 for #/,
    ],
    [
      'DATABASE_URL whose encoding is none',
      { DATABASE_URL: 'postgres://u:p%zz@h/d' },
      /^DATABASE_URL cannot be read/,
    ],
    ['ADMIN_TOKEN', { ADMIN_TOKEN: 'short' }, /^ADMIN_TOKEN must have at least 32 characters/],
    ['API_TOKENS without a name', { API_TOKENS: 't'.repeat(40) }, /^API_TOKENS must be name:token pairs/],
    ['API_TOKENS with a short token', { API_TOKENS: 'console:short' }, /^API_TOKENS has a token of console/],
    [
      'a name of API_TOKENS that the audit uses',
      { API_TOKENS: `push:${'t'.repeat(40)}` },
      /^API_TOKENS has the name push/,
    ],
    ...['admin', 'anonymous', 'attendance', 'retention', 'schedule', 'service', 'webhook'].map(
      (name): [string, Record<string, string>, RegExp] => [
        `API_TOKENS that calls a caller ${name}, as the audit calls the service's own work`,
        { API_TOKENS: `${name}:${'t'.repeat(40)}` },
        new RegExp(`^API_TOKENS has the name ${name}`),
      ],
    ),
    [
      'two of API_TOKENS under one name',
      { API_TOKENS: `a:${'t'.repeat(40)},a:${'u'.repeat(40)}` },
      /^API_TOKENS has a name twice/,
    ],
    [
      'a token of API_TOKENS that is also ADMIN_TOKEN',
      { ADMIN_TOKEN: 't'.repeat(40), API_TOKENS: `a:${'t'.repeat(40)}` },
      /^API_TOKENS must hold no token twice/,
    ],
    ['TRUST_PROXY', { TRUST_PROXY: '10.0.0.0/33' }, /^TRUST_PROXY must be addresses or ranges/],
    ['TRUST_PROXY that is a count', { TRUST_PROXY: 'yes' }, /^TRUST_PROXY must be addresses or ranges/],
    ['CREDENTIAL_KEYS', { CREDENTIAL_KEYS: 'k1:abc' }, /^CREDENTIAL_KEYS must be id:key pairs/],
    ['two keys under one id', { CREDENTIAL_KEYS: `k1:${KEY},k1:${KEY}` }, /each id once/],
    ['LOG_LEVEL', { LOG_LEVEL: 'loud' }, /^LOG_LEVEL must be one of/],
    ['LOG_FORMAT', { LOG_FORMAT: 'xml' }, /^LOG_FORMAT must be json or text/],
    ['CORS_ORIGINS', { CORS_ORIGINS: 'app.school.cl' }, /^CORS_ORIGINS must be origins/],
    ['EVENTS_NATS_URL', { EVENTS_NATS_URL: 'localhost:4222' }, /^EVENTS_NATS_URL must look like nats:/],
    [
      'EVENTS_NATS_URL whose password needs encoding',
      { EVENTS_NATS_URL: 'nats://u:p%zz@h:4222' },
      /^EVENTS_NATS_URL cannot be read/,
    ],
    ['DATABASE_POOL_SIZE', { DATABASE_POOL_SIZE: '4' }, /^DATABASE_POOL_SIZE must be a number from 5 to 200/],
    ['WORKERS', { WORKERS: 'many' }, /^WORKERS must be a number from 0 to 99/],
    [
      'RETENTION_RUNS_DAYS',
      { RETENTION_RUNS_DAYS: '7' },
      /^RETENTION_RUNS_DAYS must be a number of days from 28/,
    ],
    [
      'changes kept for longer than their runs',
      { RETENTION_RUNS_DAYS: '60' },
      /RETENTION_CHANGES_DAYS must be at most RETENTION_RUNS_DAYS \(60\)/,
    ],
    ['TLS_KEY_FILE', { TLS_CERT_FILE: '/nowhere' }, /^TLS_KEY_FILE must be set too/],
    ['METRICS_OPEN', { METRICS_OPEN: 'yes' }, /^METRICS_OPEN must be true or false/],
    ['COMMIT_SHA', { COMMIT_SHA: 'main' }, /^COMMIT_SHA must be the hash of a commit/],
    [
      'OTEL_EXPORTER_OTLP_ENDPOINT',
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' },
      /^OTEL_EXPORTER_OTLP_ENDPOINT must be the address of a collector/,
    ],
    [
      'OTEL_EXPORTER_OTLP_PROTOCOL',
      { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
      /^OTEL_EXPORTER_OTLP_PROTOCOL must be http\/protobuf, .*4318/,
    ],
    [
      'OTEL_EXPORTER_OTLP_HEADERS',
      { OTEL_EXPORTER_OTLP_HEADERS: 'secret' },
      /^OTEL_EXPORTER_OTLP_HEADERS must be name=value pairs/,
    ],
    [
      'OTEL_EXPORTER_OTLP_TIMEOUT',
      { OTEL_EXPORTER_OTLP_TIMEOUT: '10s' },
      /^OTEL_EXPORTER_OTLP_TIMEOUT must be a number of milliseconds/,
    ],
    [
      'OTEL_TRACES_SAMPLER',
      { OTEL_TRACES_SAMPLER: 'half' },
      /^OTEL_TRACES_SAMPLER must be one of always_on, /,
    ],
    [
      'OTEL_TRACES_SAMPLER_ARG',
      { OTEL_TRACES_SAMPLER_ARG: '2' },
      /^OTEL_TRACES_SAMPLER_ARG must be a share from 0 to 1/,
    ],
    ['TRACEPARENT_HOSTS', { TRACEPARENT_HOSTS: 'http://x' }, /^TRACEPARENT_HOSTS must be host names/],
    [
      'TLS files that cannot be read',
      { TLS_CERT_FILE: '/nowhere', TLS_KEY_FILE: '/nowhere' },
      /TLS_CERT_FILE cannot be read: ENOENT/,
    ],
    [
      'production without secrets',
      { NODE_ENV: 'production' },
      /ADMIN_TOKEN must be set in production[\s\S]*CREDENTIAL_KEYS must be set in production/,
    ],
  ];
  for (const [name, env, message] of WRONG) {
    it(`says what is wrong with ${name}`, () => expect(problems(env)).to.match(message));
  }

  it("takes only development and test for a developer's machine, and every other NODE_ENV for production", () => {
    const secrets = { ADMIN_TOKEN: 't'.repeat(40), CREDENTIAL_KEYS: `k1:${KEY}` };
    for (const name of ['production', 'Production', 'prod', 'staging', 'PRODUCTION ', 'qa', 'Development']) {
      expect(problems({ NODE_ENV: name }), name).to.match(/ADMIN_TOKEN must be set in production/);
      const { production, outboundAllow } = loadConfig({ NODE_ENV: name, ...secrets });
      expect({ production, outboundAllow }, name).to.deep.equal({ production: true, outboundAllow: [] });
    }
    for (const name of ['development', 'test', '', undefined])
      expect(loadConfig({ NODE_ENV: name }).production).to.equal(false);
  });

  it('has every variable in docs/operations.md', async () => {
    const text = await readFile('docs/operations.md', 'utf8');
    expect(knownVariables.filter((name) => !text.includes(`\`${name}`))).to.deep.equal([]);
  });

  it('names every variable that is wrong at once', () => {
    expect(problems({ PORT: 'x', LOG_LEVEL: 'y' })).to.match(/PORT[\s\S]*LOG_LEVEL/);
  });

  it('never shows a secret when it is printed', () => {
    const token = 't'.repeat(40);
    const config = loadConfig({
      ADMIN_TOKEN: token,
      API_TOKENS: `console:${'hidden'.repeat(8)}`,
      CREDENTIAL_KEYS: `k1:${KEY}`,
      DATABASE_URL: 'postgres://u:hidden@h/d',
      EVENTS_NATS_URL: 'nats://u:hidden@h:4222',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318',
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=hidden',
    });
    for (const shown of [JSON.stringify(config), inspect(config), String(config.adminToken)]) {
      expect(shown).to.not.contain(token).and.not.contain(KEY).and.not.contain('hidden');
    }
    expect(config.adminToken?.reveal()).to.equal(token);
  });

  it('never shows the key of the certificate when it is printed, and hands it to a server', async () => {
    const path = join(await tempFolder(), 'key.pem');
    await writeFile(path, 'PRIVATE');
    const config = loadConfig({ TLS_CERT_FILE: path, TLS_KEY_FILE: path });
    for (const shown of [JSON.stringify(config), inspect(config)]) expect(shown).to.not.contain('PRIVATE');
    expect({ ...config.tls }).to.deep.equal({ cert: 'PRIVATE', key: 'PRIVATE' });
  });
});
