import { describe, expect, it } from 'vitest';
import { type BackendContext, overlayMtu } from '../../src/backends/backend.js';
import { carriedBy } from '../../src/backends/carried.js';
import { type IpipOptions, ipip } from '../../src/backends/ipip.js';
import { decodeNetwork } from '../../src/config/network.js';
import { FlanError } from '../../src/errors.js';
import type { External, RouteLookup } from '../../src/model/facts.js';
import { type Family, parseAddress, parsePrefix } from '../../src/model/ip.js';
import type { Lease, LeaseKey } from '../../src/model/lease.js';
import type { Network } from '../../src/model/network.js';

const networkOf = (config: object): Network =>
  decodeNetwork({ ...config, Backend: { Type: 'ipip' } } as never, 'test').network;
const V4 = { Network: '10.244.0.0/16' };
const V6 = { EnableIPv6: true, IPv6Network: 'fd00:10:244::/48' };

const external = (change: Partial<External> = {}): External => ({
  ...{ family: 4, dev: 'eth0', index: 2, mtu: 1500, onLink: [parsePrefix('192.168.10.0/24')] },
  ...{ address: parseAddress('192.168.10.1'), publicIp: parseAddress('192.168.10.1') },
  ...change,
});

const lease = (n: number, change: Partial<Lease> = {}): Lease => ({
  key: `10.244.${n}.0-24` as LeaseKey,
  backendType: 'ipip',
  ipv4: { subnet: parsePrefix(`10.244.${n}.0/24`), publicIp: parseAddress(`192.168.10.${n}`) },
  ...change,
});

const context = (change: Partial<BackendContext<IpipOptions>> = {}): BackendContext<IpipOptions> => ({
  ...{ network: networkOf(V4), identity: { node: 'node-a', nodeId: 'id-a' }, own: lease(1), protocol: 70 },
  ...{ alias: 'flan 10.244.0.0/16', links: [], lookup: () => undefined, external: { 4: external() } },
  options: { directRouting: false },
  ...change,
});

const codeOf = (action: () => unknown): string | undefined => {
  try {
    action();
    return undefined;
  } catch (error) {
    if (error instanceof FlanError) return error.code;
    throw error;
  }
};

describe('the device', () => {
  it('sends from the address of the interface, also where peers know another', () => {
    const made = ipip.local(context({ external: { 4: external({ publicIp: parseAddress('203.0.113.1') }) } }));
    expect(made).toMatchObject([
      { kind: 'link', name: 'flannel.ipip', type: 'ipip', local: '192.168.10.1', mtu: 1480, up: true },
      { kind: 'address', dev: 'flannel.ipip', address: '10.244.1.0', len: 32 },
    ]);
  });

  it('has no address before there is a lease', () => {
    expect(ipip.local(context({ own: undefined })).map(({ kind }) => kind)).toEqual(['link']);
  });

  it('takes 20 bytes of the MTU, and needs what IPv4 needs', () => {
    expect(overlayMtu(ipip, context())).toBe(1480);
    const withMtu = (mtu: number) => () => ipip.check(context({ external: { 4: external({ mtu }) } }));
    expect(codeOf(withMtu(88))).toBeUndefined();
    expect(codeOf(withMtu(87))).toBe('E_BACKEND');
  });
});

describe('a peer', () => {
  const ways: Readonly<Record<string, RouteLookup | undefined>> = {
    'on the link': { dev: 'eth0' },
    'on another link': { dev: 'eth1' },
    'behind a router': { dev: 'eth0', via: parseAddress('192.168.10.254') },
    'behind the tunnel itself': { dev: 'flannel.ipip' },
    nowhere: undefined,
  };
  const devOf = (way: RouteLookup | undefined, directRouting: boolean) =>
    ipip.peer(context({ options: { directRouting }, lookup: () => way }), lease(2));

  it.each([
    ['on the link', { dev: 'eth0', onlink: false }],
    ['on another link', { dev: 'eth1', onlink: false }],
    ['behind a router', { dev: 'flannel.ipip', onlink: true }],
    ['behind the tunnel itself', { dev: 'flannel.ipip', onlink: true }],
    ['nowhere', { dev: 'flannel.ipip', onlink: true }],
  ])('%s, with DirectRouting', (where, expected) => {
    expect(devOf(ways[where], true)).toMatchObject([{ dst: '10.244.2.0/24', via: '192.168.10.2', ...expected }]);
  });

  it.each(Object.keys(ways))('%s, without', (where) => {
    expect(devOf(ways[where], false)).toMatchObject([{ dev: 'flannel.ipip', onlink: true, proto: 70 }]);
  });

  it('is reached over IPv4 alone', () => {
    const half = { subnet: parsePrefix('fd00:10:244:2::/64'), publicIp: parseAddress('fd00::2') };
    expect(ipip.peer(context(), lease(2, { ipv6: half }))).toHaveLength(1);
  });

  it('that has published no address is not reached', () => {
    expect(ipip.peer(context(), lease(2, { ipv4: { subnet: parsePrefix('10.244.2.0/24') } }))).toEqual([]);
  });
});

describe('the families of a network', () => {
  it.each([
    ['IPv4', V4, [4], 0],
    ['both', { ...V4, ...V6 }, [4], 1],
  ] as readonly (readonly [string, object, readonly Family[], number])[])('%s', (_name, config, left, warnings) => {
    const carried = carriedBy(ipip, networkOf(config));
    expect([carried.network.ipv4 && 4, carried.network.ipv6 && 6].filter((family) => family !== undefined)).toEqual(
      left,
    );
    expect(carried.warnings).toHaveLength(warnings);
  });

  it('refuses IPv6 alone', () => {
    expect(codeOf(() => carriedBy(ipip, networkOf({ EnableIPv4: false, ...V6 })))).toBe('E_BACKEND');
  });
});

it('refuses an option of the wrong type and ignores the case of names', () => {
  expect(ipip.options({ directrouting: true })).toEqual({ directRouting: true });
  expect(codeOf(() => ipip.options({ DirectRouting: 'yes' }))).toBe('E_NETWORK_CONFIG');
});
