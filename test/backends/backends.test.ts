import { describe, expect, it } from 'vitest';
import { alloc } from '../../src/backends/alloc.js';
import { type BackendContext, overlayMtu } from '../../src/backends/backend.js';
import { hostGw } from '../../src/backends/host-gw.js';
import { backendOf, backendTypes } from '../../src/backends/index.js';
import { decodeNetwork } from '../../src/config/network.js';
import { FlanError } from '../../src/errors.js';
import { route } from '../../src/kinds/route.js';
import type { External } from '../../src/model/facts.js';
import { type Family, parseAddress, parsePrefix } from '../../src/model/ip.js';
import { type Lease, leaseKey } from '../../src/model/lease.js';

const { network } = decodeNetwork(
  { EnableIPv6: true, Network: '10.244.0.0/16', IPv6Network: 'fd00:10:244::/48', Backend: { Type: 'host-gw' } },
  'test',
);

const external = (family: Family, change: Partial<External> = {}): External => {
  const address = parseAddress(family === 4 ? '192.168.10.1' : 'fd00:10::1');
  const onLink = [parsePrefix(family === 4 ? '192.168.10.0/24' : 'fd00:10::/64')];
  return { family, dev: `eth${family}`, index: 2, mtu: 1500, address, publicIp: address, onLink, ...change };
};

const context = (...externals: readonly External[]): BackendContext => ({
  ...{ network, options: {}, identity: { node: 'node-a', nodeId: 'id-a' }, own: undefined, protocol: 70 },
  ...{ alias: 'flan', links: [], lookup: () => undefined },
  external: Object.fromEntries(externals.map((one) => [one.family, one])),
});

interface Peer {
  readonly v4?: readonly [subnet: string, publicIp?: string];
  readonly v6?: readonly [subnet: string, publicIp?: string];
}

function peer({ v4, v6 }: Peer): Lease {
  const half = ([subnet, publicIp]: readonly [string, string?]) => ({
    subnet: parsePrefix(subnet),
    ...(publicIp !== undefined && { publicIp: parseAddress(publicIp) }),
  });
  const halves = { ...(v4 && { ipv4: half(v4) }), ...(v6 && { ipv6: half(v6) }) };
  const subnets = {
    ...(halves.ipv4 && { ipv4: halves.ipv4.subnet }),
    ...(halves.ipv6 && { ipv6: halves.ipv6.subnet }),
  };
  return { key: leaseKey(subnets), node: 'node-b', backendType: 'host-gw', ...halves };
}

const dual = context(external(4), external(6));
const routeTo = (dst: string, via: string, dev: string) =>
  route({ dst: parsePrefix(dst), via: parseAddress(via), dev, proto: 70 });

describe('host-gw', () => {
  it.each([
    ['one family', { v4: ['10.244.2.0/24', '192.168.10.2'] }, [routeTo('10.244.2.0/24', '192.168.10.2', 'eth4')]],
    [
      'both families, each through its own interface',
      { v4: ['10.244.2.0/24', '192.168.10.2'], v6: ['fd00:10:244:2::/64', 'fd00:10::2'] },
      [routeTo('10.244.2.0/24', '192.168.10.2', 'eth4'), routeTo('fd00:10:244:2::/64', 'fd00:10::2', 'eth6')],
    ],
    [
      'a half without public address',
      { v4: ['10.244.2.0/24'], v6: ['fd00:10:244:2::/64', 'fd00:10::2'] },
      [routeTo('fd00:10:244:2::/64', 'fd00:10::2', 'eth6')],
    ],
    ['a reservation', { v4: ['10.244.2.0/24'] }, []],
  ] as readonly (readonly [string, Peer, unknown])[])('makes routes for %s', (_name, lease, routes) => {
    expect(hostGw.peer(dual, peer(lease))).toEqual(routes);
  });

  it('leaves a family alone that has no interface', () => {
    const both = peer({ v4: ['10.244.2.0/24', '192.168.10.2'], v6: ['fd00:10:244:2::/64', 'fd00:10::2'] });
    expect(hostGw.peer(context(external(4)), both)).toEqual([routeTo('10.244.2.0/24', '192.168.10.2', 'eth4')]);
  });

  it('puts the configured mark on what it makes', () => {
    const [made] = hostGw.peer({ ...dual, protocol: 99 }, peer({ v4: ['10.244.2.0/24', '192.168.10.2'] }));
    expect(made).toMatchObject({ proto: 99 });
  });

  it.each([
    ['on the link', { v4: ['10.244.2.0/24', '192.168.10.2'] }, 0],
    ['elsewhere', { v4: ['10.244.2.0/24', '172.16.0.2'] }, 1],
    ['with a link-local address', { v6: ['fd00:10:244:2::/64', 'fe80::2'] }, 0],
    ['elsewhere in both families', { v4: ['10.244.2.0/24', '172.16.0.2'], v6: ['fd00:10:244:2::/64', 'fd99::2'] }, 2],
  ] as readonly (readonly [string, Peer, number])[])('doubts peers %s', (_name, lease, doubts) => {
    const warnings = hostGw.checkPeer(dual, peer(lease));
    expect(warnings.map(({ code }) => code)).toEqual(Array(doubts).fill('W_PEER_NOT_ON_LINK'));
    for (const { message, hint } of warnings) {
      expect(message).toMatch(/^node-b has .*, which no subnet of eth[46] covers/);
      expect(hint).toBeDefined();
    }
  });

  it('refuses to work behind NAT, in either family', () => {
    const natted = external(6, { publicIp: parseAddress('2001:db8::7') });
    expect(hostGw.check(dual)).toEqual([]);
    expect(() => hostGw.check(context(external(4), natted))).toThrow(FlanError);
    expect(() => hostGw.check(context(external(4), natted))).toThrow(/public address 2001:db8::7 is not its own/);
  });

  it('takes nothing from the MTU; the overlay has that of the smaller interface', () => {
    expect(overlayMtu(hostGw, context(external(4, { mtu: 9000 }), external(6)))).toBe(1500);
  });
});

describe('alloc', () => {
  it('makes and asks for nothing', () => {
    const lease = peer({ v4: ['10.244.2.0/24', '172.16.0.2'] });
    const natted = context(external(4, { publicIp: parseAddress('203.0.113.7') }));
    expect(alloc.peer(dual, lease)).toEqual([]);
    expect(alloc.local(dual)).toEqual([]);
    expect(alloc.check(natted)).toEqual([]);
    expect(alloc.checkPeer(dual, lease)).toEqual([]);
    expect(alloc.advertise(dual)).toEqual({});
    expect(alloc.publishedType).toBe('');
    expect(overlayMtu(alloc, dual)).toBe(1500);
  });
});

describe('backends', () => {
  it('are found by type, whatever its case', () => {
    for (const type of backendTypes()) expect(backendOf(type.toUpperCase()).type).toBe(type);
  });

  it('that do not exist are refused, with the likely one named', () => {
    expect(() => backendOf('host-gv')).toThrow(/unknown backend 'host-gv' \(did you mean 'host-gw'\?\)/);
  });
});
