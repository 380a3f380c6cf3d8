import { lookup as dnsLookup, type LookupAddress, type LookupOptions } from 'node:dns';
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** Says which addresses connectors may reach: all public ones, and those that the operator opened. */
export interface AddressGuard {
  /** Whether an address may be reached, under the name it was found by. */
  allows(address: string, host: string): boolean;
  /**
   * As `dns.lookup`; addresses that may not be reached are left out, and a name without others is an error.
   */
  lookup(host: string, options: LookupOptions, callback: LookupCallback): void;
}

type LookupCallback = (
  error: NodeJS.ErrnoException | null,
  address: string | LookupAddress[],
  family?: number,
) => void;

/**
 * Where clouds hand out credentials and settings of a machine: no range and no name opens these, only an entry
 * that is the address itself. Some of them are public addresses, or lie in the private network of a developer.
 */
const METADATA = [
  '169.254.169.254',
  '169.254.170.2',
  '169.254.170.23',
  'fd00:ec2::254',
  'fd00:ec2::23',
  'fd20:ce::254',
  '100.100.100.200',
  '168.63.129.16',
  '192.0.0.192',
].map((address) => ipaddr.parse(address).toNormalizedString());

/** A host that may not be reached. */
export class AddressRefused extends Error {
  readonly code = 'EADDRESSREFUSED';

  constructor(readonly host: string) {
    super(`${host} is not a public address`);
  }
}

/** One entry of the list of addresses opened on purpose: a host name, an address, or a CIDR range. */
export function isAllowEntry(entry: string): boolean {
  return (
    ipaddr.isValid(entry) || ipaddr.isValidCIDR(entry) || /^(?!-)[a-z0-9-]+(\.[a-z0-9-]+)*$/i.test(entry)
  );
}

/** `allow`: host names, addresses and CIDR ranges that may be reached although they are private. */
export function createAddressGuard(allow: readonly string[]): AddressGuard {
  const names = new Set<string>();
  const ranges: [ipaddr.IPv4 | ipaddr.IPv6, number][] = [];
  for (const entry of allow) {
    if (ipaddr.isValidCIDR(entry)) ranges.push(unmapped(ipaddr.parseCIDR(entry)));
    else if (ipaddr.isValid(entry)) ranges.push([ipaddr.process(entry), bitsOf(ipaddr.process(entry))]);
    else names.add(entry.toLowerCase());
  }
  const allows = (address: string, host: string) => {
    // An IPv4 address in the clothes of IPv6 is looked at as what it is.
    const parsed = ipaddr.process(address);
    if (METADATA.includes(parsed.toNormalizedString()))
      return ranges.some(([range, bits]) => bits === bitsOf(range) && isSame(range, parsed));
    if (names.has(host.toLowerCase())) return true;
    if (isPublic(parsed)) return true;
    return ranges.some(([range, bits]) => parsed.kind() === range.kind() && parsed.match(range, bits));
  };
  return {
    allows,
    lookup(host, options, callback) {
      dnsLookup(host, { ...options, all: true }, (error, found) => {
        if (error) return callback(error, []);
        const allowed = found.filter(({ address }) => allows(address, host));
        const [first] = allowed;
        if (!first) return callback(new AddressRefused(host), []);
        if (options.all) return callback(null, allowed);
        return callback(null, first.address, first.family);
      });
    },
  };
}

/** The bits of a whole address. */
function bitsOf(address: ipaddr.IPv4 | ipaddr.IPv6): number {
  return address.kind() === 'ipv4' ? 32 : 128;
}

function isSame(a: ipaddr.IPv4 | ipaddr.IPv6, b: ipaddr.IPv4 | ipaddr.IPv6): boolean {
  return a.toNormalizedString() === b.toNormalizedString();
}

/** A range of IPv4 addresses in the clothes of IPv6, as what it is. */
function unmapped([range, bits]: [ipaddr.IPv4 | ipaddr.IPv6, number]): [ipaddr.IPv4 | ipaddr.IPv6, number] {
  const mapped = range.kind() === 'ipv6' && (range as ipaddr.IPv6).isIPv4MappedAddress() && bits >= 96;
  return mapped ? [(range as ipaddr.IPv6).toIPv4Address(), bits - 96] : [range, bits];
}

/** Of IPv6, all that was ever given out as public: elsewhere lie old forms of IPv4, and networks of one's own. */
const PUBLIC_IPV6 = ipaddr.parse('2000::');
const PUBLIC_IPV6_BITS = 3;

/** All but the ranges with a purpose. */
function isPublic(address: ipaddr.IPv4 | ipaddr.IPv6): boolean {
  return (
    address.range() === 'unicast' &&
    (address.kind() === 'ipv4' || address.match(PUBLIC_IPV6, PUBLIC_IPV6_BITS))
  );
}

/**
 * Whether a host is written as an address, and one that may not be reached; names are looked at when they are
 * looked up.
 */
export function isRefusedLiteral(guard: AddressGuard, host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '');
  return isIP(bare) !== 0 && !guard.allows(bare, bare);
}
