import { describe, expect, it } from 'vitest';
import { type BackendContext, overlayMtu } from '../../src/backends/backend.js';
import { type VxlanOptions, vxlan } from '../../src/backends/vxlan.js';
import { decodeNetwork } from '../../src/config/network.js';
import { FlanError } from '../../src/errors.js';
import type { External, RouteLookup } from '../../src/model/facts.js';
import { type Family, parseAddress, parsePrefix } from '../../src/model/ip.js';
import type { Json } from '../../src/model/json.js';
import { type Lease, leaseKey } from '../../src/model/lease.js';
import { parseMac } from '../../src/model/mac.js';

const { network } = decodeNetwork(
  { EnableIPv6: true, Network: '10.244.0.0/16', IPv6Network: 'fd00:10:244::/48', Backend: { Type: 'vxlan' } },
  'test',
);

const external = (family: Family, change: Partial<External> = {}): External => {
  const address = parseAddress(family === 4 ? '192.168.10.1' : 'fd00:10::1');
  const onLink = [parsePrefix(family === 4 ? '192.168.10.0/24' : 'fd00:10::/64')];
  return { family, dev: 'eth0', index: 2, mtu: 1500, address, publicIp: address, onLink, ...change };
};

const lease = (n: number, data?: { readonly v4: Json; readonly v6: Json }): Lease => {
  const [v4, v6] = [parsePrefix(`10.244.${n}.0/24`), parsePrefix(`fd00:10:244:${n}::/64`)];
  return {
    key: leaseKey({ ipv4: v4, ipv6: v6 }),
    node: `node-${n}`,
    backendType: 'vxlan',
    ipv4: { subnet: v4, publicIp: parseAddress(`192.168.10.${n}`), ...(data && { backendData: data.v4 }) },
    ipv6: { subnet: v6, publicIp: parseAddress(`fd00:10::${n}`), ...(data && { backendData: data.v6 }) },
  };
};

type Context = BackendContext<VxlanOptions>;
const context = (change: Partial<Context> = {}): Context => ({
  ...{ network, identity: { node: 'node-a', nodeId: 'id-a' }, own: lease(1), protocol: 70 },
  ...{ alias: 'flan', links: [], lookup: () => undefined, external: { 4: external(4), 6: external(6) } },
  options: vxlan.options({}),
  ...change,
});

const macsOf = (made: Context): readonly unknown[] =>
  vxlan.local(made).flatMap((one) => (one.kind === 'link' && 'mac' in one ? [one.mac] : []));
const codeOf = (action: () => unknown): string | undefined => {
  try {
    action();
    return undefined;
  } catch (error) {
    if (error instanceof FlanError) return error.code;
    throw error;
  }
};

describe('options', () => {
  it("have flannel's defaults", () => {
    expect(vxlan.options({})).toEqual({
      ...{ vni: 1, port: 8472, mtu: undefined, gbp: false },
      ...{ learning: false, directRouting: false, disableTxChecksum: false },
    });
  });

  it('are found whatever their case', () => {
    const raw = { VNI: 7, port: 4789, Mtu: 1400, gbp: true, LEARNING: true, directrouting: true };
    const wanted = { vni: 7, port: 4789, mtu: 1400, gbp: true, learning: true, directRouting: true };
    expect(vxlan.options({ ...raw, disabletxchecksumoffload: true })).toEqual({ ...wanted, disableTxChecksum: true });
  });

  it.each([
    { VNI: 2 ** 24 },
    { VNI: -1 },
    { Port: 65_536 },
    { MTU: -1 },
    { GBP: 'yes' },
    { DirectRouting: 1 },
    { VNI: '1' },
  ])('%j is refused', (raw) => {
    expect(codeOf(() => vxlan.options(raw))).toBe('E_NETWORK_CONFIG');
  });
});

describe('the devices', () => {
  it('send from the address of the interface, also where peers know another', () => {
    const behindNat = { publicIp: parseAddress('203.0.113.1') };
    const made = vxlan.local(context({ external: { 4: external(4, behindNat) } }));
    expect(made[0]).toMatchObject({ kind: 'link', name: 'flannel.1', local: '192.168.10.1', underlay: 'eth0' });
  });

  it('are named by VNI and family, each with the overhead of its own outer headers', () => {
    const made = vxlan.local(context({ options: vxlan.options({ VNI: 7 }) }));
    const links = made.flatMap((one) => (one.kind === 'link' ? [one] : []));
    expect(links).toMatchObject([
      { name: 'flannel.7', mtu: 1450, fixed: { vni: 7, family: 4 } },
      { name: 'flannel-v6.7', mtu: 1430, fixed: { vni: 7, family: 6 } },
    ]);
    expect(made).toContainEqual(expect.objectContaining({ path: 'net/ipv6/conf/flannel.7/accept_ra', value: '0' }));
    expect(overlayMtu(vxlan, context())).toBe(1430);
  });

  it('take an MTU that the config gives for that of the underlay', () => {
    const options = vxlan.options({ MTU: 1400 });
    expect(overlayMtu(vxlan, context({ options, external: { 4: external(4) } }))).toBe(1350);
  });

  it('need what their family needs', () => {
    const small = (family: Family, mtu: number) => context({ external: { [family]: external(family, { mtu }) } });
    expect(codeOf(() => vxlan.check(small(4, 118)))).toBeUndefined();
    expect(codeOf(() => vxlan.check(small(4, 117)))).toBe('E_BACKEND');
    expect(codeOf(() => vxlan.check(small(6, 1350)))).toBeUndefined();
    expect(codeOf(() => vxlan.check(small(6, 1349)))).toBe('E_BACKEND');
  });

  it('switch checksum offload off only when told to', () => {
    const kindsOf = (raw: Record<string, Json>) =>
      vxlan.local(context({ options: vxlan.options(raw) })).map(({ kind }) => kind);
    expect(kindsOf({})).not.toContain('offload');
    expect(kindsOf({ DisableTxChecksumOffload: true }).filter((kind) => kind === 'offload')).toHaveLength(2);
  });
});

describe('the MAC', () => {
  const links = [
    { name: 'flannel.1', kind: 'vxlan', mac: parseMac('02:00:00:00:00:0a') },
    { name: 'flannel-v6.1', kind: 'vxlan', mac: parseMac('02:00:00:00:00:0b') },
  ];
  const published = lease(1, { v4: { VtepMAC: '02:00:00:00:00:01' }, v6: { VtepMAC: '02:00:00:00:00:02' } });

  it('is what peers know, then what the device has, then what the identity gives, the same every time', () => {
    expect(macsOf(context({ own: published, links }))).toEqual(['02:00:00:00:00:01', '02:00:00:00:00:02']);
    expect(macsOf(context({ links }))).toEqual(['02:00:00:00:00:0a', '02:00:00:00:00:0b']);
    const [first, second] = macsOf(context());
    expect(first).not.toBe(second);
    expect(macsOf(context({ own: undefined }))).toEqual([first, second]);
    expect(macsOf(context({ identity: { node: 'renamed', nodeId: 'id-a' } }))).toEqual([first, second]);
    expect(macsOf(context({ identity: { node: 'node-a', nodeId: 'id-b' } }))).not.toContain(first);
  });

  it('is published as it is set', () => {
    for (const made of [context(), context({ links }), context({ own: published, links })]) {
      const data = vxlan.advertise(made);
      expect([data[4], data[6]]).toEqual(macsOf(made).map((VtepMAC) => ({ VNI: 1, VtepMAC })));
    }
  });

  it('is not that of a device of another kind under our name', () => {
    const other = links.map((link) => ({ ...link, kind: 'bridge' }));
    expect(macsOf(context({ links: other }))).toEqual(macsOf(context()));
  });
});

describe('a peer', () => {
  const data = { v4: { VNI: 1, VtepMAC: '02:00:00:00:00:02' }, v6: { vtepmac: '02:00:00:00:00:03' } };
  const kindsTo = (made: Context, to: Lease) => vxlan.peer(made, to).map((one) => one.kind);
  const TUNNEL = ['neighbour', 'fdb', 'route'];

  it('has a neighbour, an FDB entry and a route per family; values of old flannel are read', () => {
    expect(vxlan.peer(context(), lease(2, data))).toMatchObject([
      { kind: 'neighbour', dev: 'flannel.1', address: '10.244.2.0', mac: '02:00:00:00:00:02', permanent: true },
      { kind: 'fdb', dev: 'flannel.1', mac: '02:00:00:00:00:02', dst: '192.168.10.2', permanent: true },
      { kind: 'route', dev: 'flannel.1', dst: '10.244.2.0/24', via: '10.244.2.0', onlink: true, proto: 70 },
      { kind: 'neighbour', dev: 'flannel-v6.1', address: 'fd00:10:244:2::', mac: '02:00:00:00:00:03' },
      { kind: 'fdb', dev: 'flannel-v6.1', mac: '02:00:00:00:00:03', dst: 'fd00:10::2' },
      { kind: 'route', dev: 'flannel-v6.1', dst: 'fd00:10:244:2::/64', via: 'fd00:10:244:2::', onlink: true },
    ]);
  });

  it.each([
    ...[null, {}, { VtepMAC: 'none' }, { VtepMAC: 7 }, 'text', []],
    ...['00:00:00:00:00:00', 'ff:ff:ff:ff:ff:ff', '01:00:5e:00:00:01'].map((VtepMAC) => ({ VtepMAC })),
  ] as readonly Json[])('that published %j is told of, and left out', (value) => {
    const broken = lease(2, { v4: value, v6: value });
    expect(kindsTo(context(), broken)).toEqual([]);
    expect(vxlan.checkPeer(context(), broken).map(({ code }) => code)).toEqual(['W_PEER_NO_VTEP', 'W_PEER_NO_VTEP']);
  });

  it('with the MAC of this node is told of', () => {
    const [own] = vxlan.local(context()).filter(({ kind }) => kind === 'link') as unknown as { mac: string }[];
    const copy = lease(2, { ...data, v4: { VNI: 1, VtepMAC: own?.mac ?? '' } });
    expect(vxlan.checkPeer(context(), copy).map(({ code }) => code)).toEqual(['W_PEER_SAME_MAC']);
  });

  it('is reached directly where that is allowed and the kernel has a way without a gateway', () => {
    const options = vxlan.options({ DirectRouting: true });
    const to = (way: RouteLookup | undefined, change: Partial<Context> = { options }) =>
      kindsTo(context({ lookup: () => way, external: { 4: external(4) }, ...change }), lease(2, data));
    expect(to({ dev: 'eth0' })).toEqual(['route']);
    expect(to({ dev: 'eth0', via: parseAddress('192.168.10.254') })).toEqual(TUNNEL);
    expect(to(undefined)).toEqual(TUNNEL);
    // Neither itself nor the overlay is a way to get there.
    expect(to({ dev: 'flannel.1' })).toEqual(TUNNEL);
    expect(to({ dev: 'lo' })).toEqual(TUNNEL);
    expect(to({ dev: 'eth0' }, {})).toEqual(TUNNEL);
    expect(vxlan.usesLookups(options)).toBe(true);
    expect(vxlan.usesLookups(vxlan.options({}))).toBe(false);
  });
});
