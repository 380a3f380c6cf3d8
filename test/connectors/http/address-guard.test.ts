import dns, { type LookupAddress, type LookupOptions } from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';
import { expect } from 'chai';
import sinon from 'sinon';
import { loadConfig } from '../../../src/config.js';
import {
  type AddressGuard,
  AddressRefused,
  createAddressGuard,
  isAllowEntry,
  isRefusedLiteral,
} from '../../../src/outbound/index.js';
import { answer, closeAll, failureOf, polite, redirect, rejectionOf, type School, serve } from './kit.js';

/** Hosts as they may stand in an address. */
const HOSTILE: Readonly<Record<string, readonly string[]>> = {
  'this machine': ['127.0.0.1', '127.255.255.254', '0.0.0.0', '0.1.2.3', '[::1]', '[::]'],
  'private networks': [
    '10.0.0.1',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '100.64.0.1',
    '[fc00::1]',
    '[fd12:3456::1]',
    // Of overlay networks, and of nobody: never given out as public.
    '[200::1]',
    '[300::1]',
    '[4000::1]',
  ],
  'link-local addresses, where clouds keep credentials': [
    '169.254.169.254',
    '169.254.0.1',
    '[fe80::1]',
    '[fd00:ec2::254]',
    '168.63.129.16',
    '[::ffff:168.63.129.16]',
  ],
  'IPv4 in the clothes of IPv6': [
    '[::ffff:127.0.0.1]',
    '[::ffff:a9fe:a9fe]',
    '[::ffff:10.0.0.1]',
    '[64:ff9b::7f00:1]',
    '[64:ff9b:1::7f00:1]',
    '[2002:7f00:1::]',
    '[2001:0:7f00:1::]',
    '[::ffff:0:127.0.0.1]',
    '[::7f00:1]',
    '[::a00:1]',
    '[::ffff:0:0:7f00:1]',
  ],
  'addresses of no one host': [
    '192.0.0.1',
    '192.0.2.1',
    '198.18.0.1',
    '198.51.100.1',
    '203.0.113.1',
    '224.0.0.1',
    '240.0.0.1',
    '255.255.255.255',
    '[2001:db8::1]',
    '[ff02::1]',
    '[fec0::1]',
    '[100::1]',
  ],
  'odd spellings': [
    '0x7f.1',
    '2130706433',
    '127.1',
    '0177.0.0.1',
    '0',
    '0x7f000001',
    '127.0.0.1.',
    '①②⑦.0.0.1',
    '%31%32%37.0.0.1',
    '[0:0:0:0:0:ffff:7f00:0001]',
  ],
};

const PUBLIC = [
  '8.8.8.8',
  '1.1.1.1',
  '172.15.255.255',
  '172.32.0.1',
  '100.63.255.255',
  '11.0.0.1',
  '2606:4700::1111',
  '::ffff:8.8.8.8',
];

/** Answers every look-up of a name, as the name servers of a school or of an attacker might. */
function resolveTo(...addresses: readonly string[]): void {
  const found = addresses.map(
    (address): LookupAddress => ({ address, family: address.includes(':') ? 6 : 4 }),
  );
  const fake = (
    _host: string,
    _options: LookupOptions,
    callback: (error: null, found: LookupAddress[]) => void,
  ) => process.nextTick(callback, null, found);
  sinon.stub(dns, 'lookup').callsFake(fake as unknown as typeof dns.lookup);
  syncBuiltinESMExports();
}

function lookUp(guard: AddressGuard, host: string, options: LookupOptions): Promise<unknown> {
  return new Promise((resolve, reject) => {
    guard.lookup(host, options, (error, address, family) =>
      error ? reject(error) : resolve(family ? [address, family] : address),
    );
  });
}

describe('address guard', () => {
  afterEach(() => {
    sinon.restore();
    syncBuiltinESMExports();
  });
  after(closeAll);

  describe('refuses, before anything is sent,', () => {
    let school: School;
    before(async () => {
      school = await serve(answer());
    });

    for (const [what, hosts] of Object.entries(HOSTILE)) {
      it(`${what}: ${hosts.join(' ')}`, async () => {
        for (const host of hosts) {
          const url = `http://${host}:${school.port}`;
          expect(isRefusedLiteral(createAddressGuard([]), new URL(url).hostname), host).to.equal(true);
          const { client, waits } = polite(url, { allow: [] });
          const failure = await failureOf(client.send({ path: '/' }));
          expect([host, failure.kind, failure.notArrived, waits]).to.deep.equal([host, 'address', true, []]);
          expect(failure.message).to.match(/OUTBOUND_ALLOW/);
        }
        expect(school.arrived).to.deep.equal([]);
      });
    }

    it('https as much as http', async () => {
      const { client } = polite(`https://127.0.0.1:${school.port}`, { allow: [] });
      expect((await failureOf(client.send({ path: '/' }))).kind).to.equal('address');
    });

    it('a POST, which has connections of its own, as much as a GET', async () => {
      const { client } = polite(school.url, { allow: [] });
      expect((await failureOf(client.send({ method: 'POST', path: '/' }))).kind).to.equal('address');
      expect(school.arrived).to.deep.equal([]);
    });

    it('a name that leads to this machine', async () => {
      const { client } = polite(`http://localhost:${school.port}`, { allow: [] });
      const failure = await failureOf(client.send({ path: '/' }));
      expect(failure.kind).to.equal('address');
      expect(failure.message).to.match(/^localhost:\d+ is a private address.*OUTBOUND_ALLOW/);
      expect(school.arrived).to.deep.equal([]);
    });
  });

  it('allows public addresses, also those next to private ranges', () => {
    const guard = createAddressGuard([]);
    for (const address of PUBLIC)
      expect([address, guard.allows(address, 'school.example')]).to.deep.equal([address, true]);
  });

  it('opens no metadata of a cloud by a range or a name, only by the address itself', () => {
    const wide = ['0.0.0.0/0', '::/0', 'fc00::/7', '169.254.0.0/16', 'metadata.example'];
    for (const real of ['169.254.169.254', 'fd00:ec2::254', '168.63.129.16']) {
      expect(createAddressGuard(wide).allows(real, 'metadata.example'), real).to.equal(false);
      expect(createAddressGuard([real]).allows(real, real), real).to.equal(true);
      expect(createAddressGuard([`${real}/${real.includes(':') ? 128 : 32}`]).allows(real, real)).to.equal(
        true,
      );
    }
    const config = loadConfig({ NODE_ENV: 'development' });
    expect(createAddressGuard(config.outboundAllow).allows('fd00:ec2::254', 'x')).to.equal(false);
    expect(createAddressGuard(config.outboundAllow).allows('fd00:1::1', 'x')).to.equal(true);
  });

  it('looks at names only when they are looked up', () => {
    for (const host of ['localhost', 'school.example', '10.example']) {
      expect(isRefusedLiteral(createAddressGuard([]), host), host).to.equal(false);
    }
  });

  describe('look-up of a name', () => {
    it('leaves out private addresses and keeps public ones', async () => {
      resolveTo('10.0.0.1', '8.8.8.8', '::1', '2606:4700::1111');
      const found = await lookUp(createAddressGuard([]), 'school.example', { all: true });
      expect(found).to.deep.equal([
        { address: '8.8.8.8', family: 4 },
        { address: '2606:4700::1111', family: 6 },
      ]);
    });

    it('gives the first public address to those who ask for one', async () => {
      resolveTo('10.0.0.1', '8.8.8.8', '1.1.1.1');
      expect(await lookUp(createAddressGuard([]), 'school.example', {})).to.deep.equal(['8.8.8.8', 4]);
    });

    it('fails when all addresses are private, whichever way it is asked', async () => {
      resolveTo('10.0.0.1', '::ffff:127.0.0.1');
      for (const options of [{}, { all: true }]) {
        const error = await rejectionOf(lookUp(createAddressGuard([]), 'school.example', options));
        expect(error).to.be.instanceOf(AddressRefused).with.property('host', 'school.example');
      }
    });

    it('is made anew for every connection, so that a name cannot turn private later', async () => {
      const guard = createAddressGuard([]);
      resolveTo('8.8.8.8');
      await lookUp(guard, 'school.example', {});
      sinon.restore();
      resolveTo('127.0.0.1');
      expect(await rejectionOf(lookUp(guard, 'school.example', {}))).to.be.instanceOf(AddressRefused);
    });

    it('keeps a call from a private address that a public name leads to', async () => {
      const school = await serve(answer());
      resolveTo('127.0.0.1');
      const { client } = polite(`http://school.example:${school.port}`, { allow: [] });
      expect((await failureOf(client.send({ path: '/' }))).kind).to.equal('address');
      expect(school.arrived).to.deep.equal([]);
    });

    it('hands on what the name server says when there is no such name', async () => {
      const error = Object.assign(new Error('not found'), { code: 'ENOTFOUND' });
      sinon.stub(dns, 'lookup').yields(error, []);
      syncBuiltinESMExports();
      expect(await rejectionOf(lookUp(createAddressGuard([]), 'school.example', {}))).to.equal(error);
    });
  });

  describe('list of addresses opened on purpose', () => {
    const opened: [entry: string, address: string, host: string, allowed: boolean][] = [
      ['moodle.intern', '10.0.0.1', 'moodle.intern', true],
      ['Moodle.Intern', '10.0.0.1', 'MOODLE.intern', true],
      ['moodle.intern', '10.0.0.1', 'other.intern', false],
      ['moodle.intern', '10.0.0.1', 'sub.moodle.intern', false],
      ['moodle.intern', '10.0.0.1', 'evil-moodle.intern', false],
      ['10.0.0.1', '10.0.0.1', 'any.example', true],
      ['10.0.0.1', '10.0.0.2', 'any.example', false],
      ['10.0.0.1', '::ffff:10.0.0.1', 'any.example', true],
      ['::ffff:10.0.0.1', '10.0.0.1', 'any.example', true],
      ['10.1.0.0/16', '10.1.255.255', 'any.example', true],
      ['10.1.0.0/16', '10.2.0.0', 'any.example', false],
      ['10.1.0.0/16', '::ffff:a01:203', 'any.example', true],
      ['0.0.0.0/0', '::1', 'any.example', false],
      ['::ffff:10.0.0.0/104', '10.200.0.1', 'any.example', true],
      ['::ffff:10.0.0.0/104', '172.16.0.1', 'any.example', false],
      ['fd12::1', 'fd12:0:0::0001', 'any.example', true],
      ['fd12::1', 'fd12::2', 'any.example', false],
      ['fd12::/16', 'fd12:ffff::9', 'any.example', true],
      ['fd12::/16', 'fd13::', 'any.example', false],
      ['::/0', '127.0.0.1', 'any.example', false],
    ];
    for (const [entry, address, host, allowed] of opened) {
      it(`with ${entry} ${allowed ? 'opens' : 'does not open'} ${address} under the name ${host}`, () => {
        expect(createAddressGuard(['192.0.2.7', entry]).allows(address, host)).to.equal(allowed);
      });
    }

    for (const entry of ['127.0.0.1', '127.0.0.0/8']) {
      it(`with ${entry} lets calls to this machine through, by address and by name`, async () => {
        const school = await serve(answer({ ok: true }));
        for (const host of ['127.0.0.1', 'localhost', '2130706433']) {
          const { client } = polite(`http://${host}:${school.port}`, { allow: [entry] });
          expect((await client.send({ path: '/' })).json()).to.deep.equal({ ok: true });
        }
      });
    }

    it('takes host names, addresses and ranges, and nothing else', () => {
      const good = [
        'localhost',
        'moodle.intern',
        'a-b.c',
        '10.0.0.1',
        '10.1.0.0/16',
        '::1',
        'fd00::/8',
        'UPPER.example',
      ];
      const bad = [
        '',
        ' ',
        '-a',
        '*.intern',
        'a..b',
        '.a',
        'a.',
        'http://a',
        'a:80',
        'a/b',
        '10.0.0.0/33',
        'fd00::/129',
        '[::1]',
        'a b',
      ];
      for (const entry of good) expect([entry, isAllowEntry(entry)]).to.deep.equal([entry, true]);
      for (const entry of bad) expect([entry, isAllowEntry(entry)]).to.deep.equal([entry, false]);
    });
  });

  describe('on the way of a redirect', () => {
    it('refuses a private address, though the first one was opened by name', async () => {
      const inner = await serve(answer());
      const outer = await serve(redirect(`${inner.url}/secrets`));
      const { client, waits } = polite(`http://localhost:${outer.port}`, { allow: ['localhost'] });
      const failure = await failureOf(client.send({ path: '/' }));
      expect(failure.kind).to.equal('address');
      expect(failure.message).to.match(/OUTBOUND_ALLOW/);
      expect([outer.arrived.length, inner.arrived.length, waits]).to.deep.equal([1, 0, []]);
    });

    for (const host of ['127.0.0.2', '[::1]', '169.254.169.254', '0.0.0.0']) {
      it(`refuses ${host}, though 127.0.0.1 was opened`, async () => {
        const school = await serve((response, { headers }) =>
          response.writeHead(302, { Location: `http://${host}:${headers.host?.split(':')[1]}/` }).end(),
        );
        const failure = await failureOf(polite(school.url).client.send({ path: '/' }));
        expect(failure.kind).to.equal('address');
        expect(failure.message).to.match(/OUTBOUND_ALLOW/);
        expect(school.arrived).to.have.length(1);
      });
    }
  });
});
