import { expect } from 'chai';
import { idukay } from '../../src/connectors/idukay/index.js';
import { moodle } from '../../src/connectors/moodle/index.js';
import { oneRoster } from '../../src/connectors/oneroster/index.js';

describe('the host whose runs are counted together', () => {
  it('is that of the address of the API', () => {
    for (const { host } of [idukay, moodle, oneRoster])
      expect(host?.({ apiUrl: 'https://school.example:8443/path' })?.name).to.equal('school.example:8443');
  });

  it('is that of the dialect for IDUKAY, where the settings name no address', () => {
    expect(idukay.host?.({})?.name).to.equal('api.idukay.cl');
    expect(idukay.host?.({ dialect: 'token' })?.name).to.equal('api.idukay.net');
  });
});
