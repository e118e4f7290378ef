import { describe, expect, it } from 'vitest';
import type { BackendContext } from '../../src/backends/backend.js';
import { type UdpOptions, udp } from '../../src/backends/udp.js';
import type { TunnelPeer } from '../../src/kinds/tunnel-peer.js';
import type { External } from '../../src/model/facts.js';
import type { Address, Family, Prefix } from '../../src/model/ip.js';
import type { Json } from '../../src/model/json.js';
import type { Lease, LeaseKey } from '../../src/model/lease.js';

const external = (family: Family, mtu = 1500): External => ({
  family,
  dev: 'eth0',
  index: 2,
  mtu,
  address: (family === 4 ? '192.168.10.1' : 'fd01::1') as Address,
  publicIp: (family === 4 ? '203.0.113.1' : 'fd01::1') as Address,
  onLink: [],
});

const context = (externals: BackendContext['external'], options = udp.options({})): BackendContext<UdpOptions> => ({
  network: { nftables: false, backend: { type: 'udp', options: {} } },
  options,
  identity: { node: 'node-a', nodeId: 'id-a' },
  external: externals,
  own: undefined,
  protocol: 70,
  alias: 'flan 10.244.0.0/16',
  links: [],
  lookup: () => undefined,
});

const lease = (backendData?: Json): Lease => ({
  key: '10.244.2.0-24' as LeaseKey,
  backendType: '',
  ipv4: {
    subnet: '10.244.2.0/24' as Prefix,
    publicIp: '192.168.10.2' as Address,
    ...(backendData !== undefined && { backendData }),
  },
});

const portFor = (data?: Json): number | undefined => {
  const [peer] = udp.peer(context({ 4: external(4) }), lease(data)) as readonly TunnelPeer[];
  return peer?.port;
};

describe('options', () => {
  it('are those of flannel, with its port unless told', () => {
    expect(udp.options({})).toEqual({ port: 8285, queues: 0 });
    expect(udp.options({ port: 0 })).toEqual({ port: 8285, queues: 0 });
    expect(udp.options({ Port: 4000, Queues: 2 })).toEqual({ port: 4000, queues: 2 });
    expect(() => udp.options({ Port: 65_536 })).toThrow(/Backend\.Port/);
    expect(() => udp.options({ Queues: -1 })).toThrow(/Backend\.Queues/);
  });
});

describe('peers', () => {
  it('have the port of the network, or the one that their lease says', () => {
    expect(portFor()).toBe(8285);
    expect(portFor({ Port: 30_001 })).toBe(30_001);
    expect(portFor({ port: 30_002 })).toBe(30_002);
    for (const nonsense of [null, 'x', [], { Port: '1' }, { Port: 0 }, { Port: 70_000 }, { Port: 1.5 }]) {
      expect(portFor(nonsense)).toBe(8285);
    }
  });
  it('are left out in a family that this node has no interface for', () => {
    expect(udp.peer(context({ 6: external(6) }), lease())).toEqual([]);
  });
});

describe('the device', () => {
  it('is bound to what is on the interface, not to what peers are told behind NAT', () => {
    const [device] = udp.local(context({ 6: external(6), 4: external(4) }));
    expect(device).toMatchObject({ kind: 'tunnel-device', addresses: ['192.168.10.1', 'fd01::1'], port: 8285 });
  });
  it.each([
    [{ 4: external(4) }, 1472],
    [{ 6: external(6) }, 1452],
    [{ 4: external(4), 6: external(6) }, 1452],
    [{ 4: external(4, 9000) }, 8972],
  ])('has the MTU that is left', (externals, mtu) => {
    expect(udp.local(context(externals))).toContainEqual(expect.objectContaining({ kind: 'link', mtu }));
  });
  it('is refused where less is left than the family needs', () => {
    expect(() => udp.check(context({ 6: external(6, 1300) }))).toThrow(/MTU of 1252/);
    expect(udp.check(context({ 4: external(4, 1300) }))).toEqual([]);
  });
  it('publishes nothing, as flannel does, but the port that its lease says already', () => {
    const published = (own?: Lease) => udp.advertise({ ...context({ 4: external(4) }), own });
    expect([udp.publishedType, published(), published(lease())]).toEqual(['', {}, {}]);
    expect(published(lease({ port: 30_001, more: 1 }))).toEqual({ 4: { Port: 30_001 } });
    expect(published(lease({ Port: 70_000 }))).toEqual({});
  });
});
