import { describe, expect, it } from 'vitest';
import { checkAgainstHost, type HostCheckInput } from '../../src/config/check-host.js';
import { decodeNetwork } from '../../src/config/network.js';
import type { External, HostFacts, HostLink } from '../../src/model/facts.js';
import { type Address, makePrefix, type Prefix, tryCidr } from '../../src/model/ip.js';

const link = (name: string, cidrs: readonly string[], kind?: string): HostLink => ({
  index: 2,
  name,
  up: true,
  loopback: name === 'lo',
  mtu: 1500,
  ...(kind && { kind }),
  addresses: cidrs.map((text) => {
    const { address, len } = tryCidr(text) ?? { address: '0.0.0.0' as Address, len: 0 };
    return { address, len, scope: 'global', permanent: true, deprecated: false, temporary: false };
  }),
});

const external = (cidr: string, publicIp?: string): External => {
  const { address, len } = tryCidr(cidr) ?? { address: '0.0.0.0' as Address, len: 0 };
  return {
    family: 4,
    dev: 'eth0',
    index: 2,
    mtu: 1500,
    address,
    publicIp: (publicIp as Address | undefined) ?? address,
    onLink: [makePrefix(address, len)],
  };
};

const facts = (...links: HostLink[]): HostFacts => ({ hostname: 'n', links, defaultRoutes: [], lookups: {} });
const { network } = decodeNetwork({ Network: '10.244.0.0/16' }, 't');
const check = (input: Partial<HostCheckInput>) => {
  const { errors, warnings } = checkAgainstHost({ network, facts: facts(), external: {}, ...input });
  return [...errors.map((e) => e.code as string), ...warnings.map((w) => w.code as string)];
};
const own = { ipv4: '10.244.3.0/24' as Prefix };

describe('checkAgainstHost', () => {
  it.each<[string, Partial<HostCheckInput>, string[]]>([
    [
      'a host apart',
      { facts: facts(link('eth0', ['192.168.1.5/24'])), external: { 4: external('192.168.1.5/24') } },
      [],
    ],
    ['peers inside the overlay', { external: { 4: external('10.244.9.5/24') } }, ['E_NETWORK_OVERLAP']],
    [
      'an advertised address inside it',
      { external: { 4: external('192.168.1.5/24', '10.244.0.9') } },
      ['E_NETWORK_OVERLAP'],
    ],
    ['a wider underlay', { external: { 4: external('10.1.2.3/8') } }, ['W_NETWORK_OVERLAP']],
    ['the pod bridge', { facts: facts(link('cni0', ['10.244.3.1/24'], 'bridge')), own }, []],
    ['the pod bridge before the lease is known', { facts: facts(link('cni0', ['10.244.3.1/24'], 'bridge')) }, []],
    [
      'a pod bridge of an earlier lease',
      { facts: facts(link('cni0', ['10.244.9.1/24'], 'bridge')), own },
      ['W_STALE_ADDRESS'],
    ],
    ['a physical network inside', { facts: facts(link('eth1', ['10.244.7.4/24'])), own }, ['W_NETWORK_OVERLAP']],
    ['a wide bridge', { facts: facts(link('br0', ['10.244.3.1/16'], 'bridge')), own }, ['W_NETWORK_OVERLAP']],
    ['a wider physical network', { facts: facts(link('eth1', ['10.0.0.4/8'])), own }, ['W_NETWORK_OVERLAP']],
    [
      'our own devices',
      { facts: facts(link('flannel.1', ['10.244.9.0/32'], 'vxlan'), link('flannel0', ['10.244.3.0/16'], 'tun')), own },
      [],
    ],
    ['a loopback address', { facts: facts(link('lo', ['10.244.200.1/32'])), own }, []],
  ])('%s', (_, input, codes) => {
    expect(check(input)).toEqual(codes);
  });

  it('looks at IPv6 alike', () => {
    const six = decodeNetwork({ EnableIPv4: false, EnableIPv6: true, IPv6Network: 'fd00:1::/48' }, 't').network;
    expect(check({ network: six, facts: facts(link('eth1', ['fd00:1:0:5::1/64', 'fe80::1/64'])) })).toEqual([
      'W_NETWORK_OVERLAP',
    ]);
    expect(check({ network: six, facts: facts(link('eth1', ['fd00:2::1/64', '10.244.1.1/24'])) })).toEqual([]);
  });
});
