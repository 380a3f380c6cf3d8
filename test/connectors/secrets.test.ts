import { Writable } from 'node:stream';
import { expect } from 'chai';
import fc from 'fast-check';
import { pino } from 'pino';
import { Secrets } from '../../src/connectors/index.js';

const FORMS: Readonly<Record<string, (secret: string) => string>> = {
  raw: (secret) => secret,
  'URL-encoded': encodeURIComponent,
  'form-encoded': (secret) => new URLSearchParams({ a: secret }).toString().slice(2),
  JSON: (secret) => JSON.stringify(secret).slice(1, -1),
  HTML: (secret) => secret.replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`),
  base64: (secret) => Buffer.from(secret).toString('base64'),
  'base64 of more': (secret) => Buffer.from(`me:${secret}`).toString('base64'),
  base64url: (secret) => Buffer.from(secret).toString('base64url'),
  hex: (secret) => Buffer.from(secret).toString('hex'),
  HEX: (secret) => Buffer.from(secret).toString('hex').toUpperCase(),
};

describe('the secrets of an integration', () => {
  it('are struck out of a text in every form, whole or in a piece of eight characters', () => {
    const secret = fc.string({ minLength: 8, maxLength: 40, unit: 'grapheme-ascii' });
    for (const [name, form] of Object.entries(FORMS)) {
      fc.assert(
        fc.property(secret, fc.nat(), fc.nat(), (value, from, more) => {
          const whole = form(value).replace(/=+$/, '');
          // Around a value, base64 has letters that belong to its neighbours as well.
          const echo = name === 'base64 of more' ? whole.slice(5, -3) : whole;
          fc.pre(echo.length >= 8);
          const start = from % (echo.length - 7);
          const piece = echo.slice(start, start + 8 + (more % 20));
          const said = new Secrets([value]).strike(`\u00bf${piece}\u00bf`);
          expect(said, `${name}: ${piece}`).to.equal('\u00bf***\u00bf');
        }),
        { numRuns: 200, seed: 7 },
      );
    }
  });

  it('that become known later are struck out from then on', () => {
    const secrets = new Secrets();
    const lines: string[] = [];
    const logger = secrets.quiet(
      pino({ base: undefined }, { write: (line: string) => void lines.push(line) }),
    );
    expect(secrets.strike('token-of-the-hour')).to.equal('token-of-the-hour');
    secrets.add('token-of-the-hour');
    expect(secrets.strike(`a ${Buffer.from('token-of-the-hour').toString('hex')}`)).to.equal('a ***');
    logger.warn('called with token-of-the-hour');
    expect(lines.join('')).to.contain('called with ***');
  });

  it('leave all other words as they are', () => {
    const secrets = new Secrets(['s3cr3t-of-the-school', 'abc', '']);
    for (const text of ['', 'abc', 'The school refused the mark.', 'İstanbul ñandú 1234567890'])
      expect(secrets.strike(text)).to.equal(text);
  });

  it('that are short are struck as a word alone, plain, encoded or behind what is encoded, not within others', () => {
    const secrets = new Secrets(['code', '1234']);
    for (const text of ['the encoder', 'course 51234, student 12345', 'a1234b', 'ñcode'])
      expect(secrets.strike(text)).to.equal(text);
    expect(secrets.strike('Code 1234: "code", k=1234&a')).to.equal('*** ***: "***", k=***&a');
    expect(secrets.strike('k%3D1234%26 line\\ncode')).to.equal('k%3D***%26 line\\n***');
    const header = Buffer.from('school:code').toString('base64');
    expect(secrets.strike(header)).to.contain('***');
  });

  it('are gone from an error, from its stack, its cause and what hangs on it', () => {
    const secret = 'clave-muy-secreta';
    const cause = Object.assign(new Error(`cause ${secret}`), {
      answer: { text: `body ${secret}`, list: [secret] },
    });
    const error = new Secrets([secret]).clean(new Error(`failed with ${secret}`, { cause }));
    expect(error.message).to.equal('failed with ***');
    expect(error.stack).not.to.contain(secret);
    expect(cause.message).to.equal('cause ***');
    expect(cause.stack).not.to.contain(secret);
    expect(cause.answer).to.deep.equal({ text: 'body ***', list: ['***'] });
  });

  it('are gone from what a connector logs', () => {
    const secret = 'clave-muy-secreta';
    const lines: string[] = [];
    const sink = new Writable({
      write(chunk, _, done) {
        lines.push(String(chunk));
        done();
      },
    });
    const logger = new Secrets([secret]).quiet(pino(sink));
    logger.info({ url: `https://x/?k=${secret}`, err: new Error(secret) }, `called with ${secret}`);
    logger.child({ of: secret }).warn('%s', secret);
    expect(lines).to.have.length(2);
    expect(lines.join('')).not.to.contain(secret);
  });
});
