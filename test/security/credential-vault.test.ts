import { randomBytes } from 'node:crypto';
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  CredentialVault,
  createTokenVerifier,
  loadAdminToken,
  loadCredentialKeys,
} from '../../src/security/index.js';
import { tempFolder } from '../support/temp-folder.js';

const ID = '00000000-0000-4000-8000-000000000001';
const OTHER = '00000000-0000-4000-8000-000000000002';
const key = (id: string) => ({ id, key: randomBytes(32) });

describe('the credential vault', () => {
  it('opens what it sealed, and seals the same text differently each time', () => {
    const vault = new CredentialVault([key('k1')]);
    const sealed = vault.seal(ID, { apiKey: 'ñandú' });
    expect(sealed)
      .to.match(/^v1\.k1\./)
      .and.not.contain('ñandú');
    expect(vault.open(ID, sealed)).to.deep.equal({ apiKey: 'ñandú' });
    expect(vault.seal(ID, { apiKey: 'ñandú' })).to.not.equal(sealed);
  });

  it('does not open for another integration, nor after any byte was changed', () => {
    const vault = new CredentialVault([key('k1')]);
    const sealed = vault.seal(ID, { apiKey: 'x' });
    expect(() => vault.open(OTHER, sealed)).to.throw(/sealed for another integration/);
    const body = Buffer.from(sealed.split('.')[2] as string, 'base64url');
    for (let i = 0; i < body.length; i++) {
      const changed = Buffer.from(body);
      changed[i] = (changed[i] as number) ^ 1;
      expect(() => vault.open(ID, `v1.k1.${changed.toString('base64url')}`), `byte ${i}`).to.throw(
        /were changed/,
      );
    }
  });

  it('seals with the first key and opens with all of them', () => {
    const [old, fresh] = [key('old'), key('fresh')];
    const sealed = new CredentialVault([old]).seal(ID, { a: '1' });
    const both = new CredentialVault([fresh, old]);
    expect(both.open(ID, sealed)).to.deep.equal({ a: '1' });
    expect(both.seal(ID, {})).to.match(/^v1\.fresh\./);
    expect(() => new CredentialVault([fresh]).open(ID, sealed)).to.throw(
      /key "old", which is not in CREDENTIAL_KEYS/,
    );
  });
});

describe('keys and token of a development service', () => {
  it('are made once, for their owner alone, also when two processes start at once', async () => {
    const dataDir = await tempFolder();
    const none = { dataDir, credentialKeys: undefined, adminToken: undefined };
    const tokens = await Promise.all([loadAdminToken(none), loadAdminToken(none), loadAdminToken(none)]);
    expect(new Set(tokens.map(({ token }) => token)).size).to.equal(1);
    expect(tokens.filter(({ made }) => made)).to.have.length(1);
    expect(tokens[0]?.token).to.have.length(64);
    expect((await stat(join(dataDir, 'admin-token'))).mode & 0o777).to.equal(0o600);
    const [first, second] = [await loadCredentialKeys(none), await loadCredentialKeys(none)];
    expect(first).to.deep.equal(second);
    expect(first[0]?.key).to.have.length(32);
    expect((await stat(join(dataDir, 'credential-keys'))).mode & 0o777).to.equal(0o600);
  });

  it('a damaged key file stops the start: a new key would open nothing', async () => {
    const dataDir = await tempFolder();
    await writeFile(join(dataDir, 'credential-keys'), '');
    const refusal = await loadCredentialKeys({ dataDir, credentialKeys: undefined }).catch(
      (error: Error) => error,
    );
    expect(refusal)
      .to.have.property('message')
      .that.matches(/does not hold id:key pairs/);
  });

  it('a verifier knows its tokens and no others', () => {
    const verify = createTokenVerifier({ first: 'a'.repeat(32), second: 'b'.repeat(32) });
    expect(['a', 'b'].map((letter) => verify(letter.repeat(32)))).to.deep.equal(['first', 'second']);
    expect(['', 'a', 'a'.repeat(31), 'a'.repeat(33), 'c'.repeat(32)].map(verify).some(Boolean)).to.equal(
      false,
    );
  });
});
