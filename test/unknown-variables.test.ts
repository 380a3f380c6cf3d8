import { expect } from 'chai';
import { knownVariables } from '../src/config.js';
import { unknownVariables } from '../src/unknown-variables.js';

describe('variables that nobody reads', () => {
  const cases: [name: string, sentence: string | undefined][] = [
    ['DATABASE_URI', 'DATABASE_URI is not read. Is it meant to be DATABASE_URL?'],
    ['CORS_ORIGIN', 'CORS_ORIGIN is not read. Is it meant to be CORS_ORIGINS?'],
    ['ADMIN_TOKENS', 'ADMIN_TOKENS is not read. Is it meant to be ADMIN_TOKEN?'],
    ['CREDENTIAL_KEY', 'CREDENTIAL_KEY is not read. Is it meant to be CREDENTIAL_KEYS?'],
    ['S3_BUCKET', 'S3_BUCKET is not read: there is no such variable. See docs/operations.md.'],
    ['DATABASE_URL', undefined],
    ['HOME', undefined],
    ['HOSTNAME', undefined],
    ['PATH', undefined],
    ['AWS_REGION', undefined],
    ['NODE_OPTIONS', undefined],
    ['DATABASE_SERVICE_HOST', undefined],
    ['DATABASE_PORT_5432_TCP_ADDR', undefined],
  ];
  for (const [name, sentence] of cases) {
    it(`${sentence ? 'are named' : 'are none of ours'}: ${name}`, () => {
      expect(unknownVariables({ [name]: 'x' }, knownVariables)).to.deep.equal(sentence ? [sentence] : []);
    });
  }

  it('are not named when they are empty', () => {
    expect(unknownVariables({ DATABASE_URI: '' }, knownVariables)).to.deep.equal([]);
  });
});
